"""The one settings file: everything that differs between machines comes from the environment.

Safe by default: without ``DEBUG=1`` nothing has a default that a production could forget,
and the start stops with the name of the setting that is missing or wrong.
"""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _
from environs import validate

from mumaris.connections import BROKER_OPTIONS, describe_cache, describe_databases
from mumaris.content_policy import content_security_policy
from mumaris.environment import read_environment, refuse_bad_pattern, refuse_public_address, secret_or_local
from mumaris.logs import describe_logging
from mumaris.stores import describe_store

BASE_DIR = Path(__file__).resolve().parent.parent
env = read_environment()

# --- The machine ------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", False)
VAR_DIR = Path(env.str("VAR_DIR", str(BASE_DIR / "var")))
(VAR_DIR / "files" if DEBUG else VAR_DIR).mkdir(parents=True, exist_ok=True)

SECRET_KEY = secret_or_local(env, "SECRET_KEY", DEBUG)
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", [])
# Codes and links are derived from CODE_KEY, values that must be read again are sealed with DATA_KEY.
CODE_KEYS = [secret_or_local(env, "CODE_KEY", DEBUG), *env.list("CODE_KEY_FALLBACKS", [])]
DATA_KEYS = [secret_or_local(env, "DATA_KEY", DEBUG), *env.list("DATA_KEY_FALLBACKS", [])]

BASE_URL = (env.str("BASE_URL", "http://localhost:8000") if DEBUG else env.str("BASE_URL")).rstrip("/")
HTTPS = BASE_URL.startswith("https://")
PUBLIC_HOST = urlsplit(BASE_URL).hostname or ""
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", [PUBLIC_HOST, "localhost", "127.0.0.1"] if DEBUG else [PUBLIC_HOST])
CSRF_TRUSTED_ORIGINS = [BASE_URL]
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", 0)
ADMIN_URL = env.str("ADMIN_URL", "admin/").strip("/") + "/"
# Where each process tells Prometheus what it counts: never a port that visitors reach.
METRICS_PORT = env.int("METRICS_PORT", 0)
METRICS_HOST = env.str("METRICS_HOST", "127.0.0.1", validate=refuse_public_address)

# --- Applications -----------------------------------------------------------------------------

RECAPTCHA_PUBLIC_KEY = env.str("RECAPTCHA_PUBLIC_KEY", "")
RECAPTCHA_PRIVATE_KEY = env.str("RECAPTCHA_PRIVATE_KEY", "")
RECAPTCHA_ON = bool(RECAPTCHA_PUBLIC_KEY and RECAPTCHA_PRIVATE_KEY)
RECAPTCHA_VERIFY_REQUEST_TIMEOUT = 3

INSTALLED_APPS = [
    "mumaris.apps.MumarisConfig",
    "mumaris.mail.apps.MailConfig",
    "mumaris.operations.apps.OperationsConfig",
    "mumaris.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "django_countries",
    "import_export",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "accounts.apps.AccountsConfig",
    "profiles.apps.ProfilesConfig",
    *(["django_recaptcha"] if RECAPTCHA_ON else []),
]

MIDDLEWARE = [
    "mumaris.observation.Observation",
    "mumaris.middleware.ResponseHeaders",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "mumaris.middleware.PlainText",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.middleware.RequestOrigin",
    "accounts.middleware.DeviceCookie",
    "accounts.middleware.SessionActivity",
    "accounts.middleware.SignInRequired",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.FreshProof",
    "accounts.middleware.HashingGate",
]

ROOT_URLCONF = "mumaris.urls"
WSGI_APPLICATION = "mumaris.wsgi.application"
FORM_RENDERER = "mumaris.forms.FieldRenderer"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "mumaris.context.portal",
            ],
        },
    }
]

# --- Stores -----------------------------------------------------------------------------------

DATABASES = describe_databases(env, f"sqlite:///{VAR_DIR / 'mumaris.sqlite3'}" if DEBUG else "")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", "") if DEBUG else env.str("REDIS_URL")
CACHES = {"default": describe_cache(REDIS_URL)}

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Kept under no name of a setting: it may hold a key, and error pages show settings.
_files_url = env.str("FILES_URL", f"file://{VAR_DIR.resolve() / 'files'}") if DEBUG else env.str("FILES_URL")
STORAGES = {
    "default": {"BACKEND": "mumaris.stores.NoStore"},
    "files": describe_store("FILES_URL", _files_url),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_MAX_AGE = 0 if DEBUG else 60
# Every field of every form fits in this many bytes; more is answered by the 400 page.
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 100
# Files are counted by the handler: in memory, of people who are signed in, and never more than it names.
FILE_UPLOAD_HANDLERS = ["mumaris.uploads.BoundedUpload"]
DATA_UPLOAD_MAX_NUMBER_FILES = 3

# --- Languages and time -----------------------------------------------------------------------

LANGUAGE_CODE = "ar"
LANGUAGES = [("ar", _("Arabic")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "locale" / "libraries"]
FORMAT_MODULE_PATH = ["mumaris.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Riyadh"

# --- Accounts ---------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.SignInNameBackend"]
PASSWORD_HASHERS = ["accounts.passwords.NormalisedArgon2Hasher"]
AUTH_PASSWORD_VALIDATORS = [{"NAME": "accounts.passwords.PasswordRule"}]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "profile"
LOGOUT_REDIRECT_URL = "home"

ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "email2*", "password1*", "password2*"]
# Registration, codes and the reset are ours (accounts/registration.py): allauth's stages stay out of them.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_RATE_LIMITS = False  # accounts/limits.py holds every limit
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
ACCOUNT_FORMS = {
    "login": "accounts.forms.SignInForm",
    "change_password": "accounts.forms.ChangePasswordForm",
    "reauthenticate": "accounts.forms.ReauthenticateForm",
}
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT

# The second step of signing in; its acts and limits are ours (accounts/second_step.py).
MFA_ADAPTER = "accounts.mfa_adapter.SecondStepAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_TOLERANCE = 0
# Also where a password went before: the challenge of one page could else be answered on another.
MFA_WEBAUTHN_USER_VERIFICATION = "required"
# An account exists once its address is proved; administrators of the command line have no row to prove.
MFA_ALLOW_UNVERIFIED_EMAIL = True

# The visual code on sign-in: "always", "after_failures" or "never".
VISUAL_CODE = env.str("VISUAL_CODE", "always", validate=validate.OneOf(["always", "after_failures", "never"]))

CODE_LIFETIME = timedelta(minutes=10)
RESET_LINK_LIFETIME = timedelta(minutes=60)
PENDING_REGISTRATION_LIFETIME = timedelta(hours=72)

# --- Member data ------------------------------------------------------------------------------

# A regular expression that a whole membership number matches.
MEMBERSHIP_NUMBER_PATTERN = env.str("MEMBERSHIP_NUMBER_PATTERN", "[0-9]{6,10}", validate=refuse_bad_pattern)
# What a member changes at once, without review.
AT_ONCE_FIELDS = env.list("AT_ONCE_FIELDS", ["mobile", "city", "address"])
# The registry address may object to a claim for so long; a reviewer may decide earlier.
CLAIM_WAIT = timedelta(hours=env.int("CLAIM_WAIT_HOURS", 72))
# A request that was returned: a reminder, then the end (days).
RETURNED_REMIND_DAYS, RETURNED_CLOSE_DAYS = 7, env.int("RETURNED_CLOSE_DAYS", 30)
# No other reviewer may decide on a request for so long after one has opened it to decide.
REVIEW_LOCK = timedelta(minutes=30)
EVIDENCE_KEPT = timedelta(days=90)
COUNTRIES_FIRST = ["SA"]

# --- Sessions and cookies ---------------------------------------------------------------------

SESSION_ENGINE = "accounts.sessions"
# (idle, absolute): how long a session lives without a request, and in all.
SESSION_LIMITS = {
    "normal": (timedelta(minutes=30), timedelta(hours=12)),
    "remembered": (timedelta(days=14), timedelta(days=30)),
    "staff": (timedelta(minutes=15), timedelta(hours=8)),
}
SESSION_COOKIE_AGE = int(PENDING_REGISTRATION_LIFETIME.total_seconds())  # visitors who are not signed in
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
# Browsers keep Secure cookies over http on localhost, but a local run should also open on a phone.
SECURE_COOKIES = HTTPS or not DEBUG
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = SECURE_COOKIES
SESSION_COOKIE_NAME = "__Host-session" if SECURE_COOKIES else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if SECURE_COOKIES else "csrf"
LANGUAGE_COOKIE_NAME = "__Host-language" if SECURE_COOKIES else "language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
# A random id by which an account knows a browser again (accounts/known_devices.py).
DEVICE_COOKIE_NAME = "__Host-device" if SECURE_COOKIES else "device"
DEVICE_COOKIE_AGE = 365 * 24 * 3600
CSRF_FAILURE_VIEW = "mumaris.views.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# --- Headers ----------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 63_072_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
if HTTPS and TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
# Not "no-referrer": it makes browsers send "Origin: null", and the CSRF check refuses every form.
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = content_security_policy(recaptcha_on=RECAPTCHA_ON)

# --- Mail -------------------------------------------------------------------------------------

# Libraries that send mail get the outbox; only mumaris/mail/delivery.py talks to the transport.
EMAIL_BACKEND = "mumaris.mail.backend.OutboxBackend"
SMTP_TRANSPORT = "mumaris.mail.transport.Transport"
EMAIL_URL = env.str("EMAIL_URL", "mailbox://") if DEBUG else env.str("EMAIL_URL")
if EMAIL_URL == "mailbox://":
    MAIL_TRANSPORT = "mumaris.mail.mailbox.MailboxBackend"
else:
    _email = env.dj_email_url("EMAIL_URL", EMAIL_URL)
    MAIL_TRANSPORT = _email["EMAIL_BACKEND"].replace("django.core.mail.backends.smtp.EmailBackend", SMTP_TRANSPORT)
    EMAIL_HOST, EMAIL_PORT = _email["EMAIL_HOST"], _email["EMAIL_PORT"]
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _email["EMAIL_HOST_USER"], _email["EMAIL_HOST_PASSWORD"]
    EMAIL_USE_TLS, EMAIL_USE_SSL = _email["EMAIL_USE_TLS"], _email["EMAIL_USE_SSL"]
EMAIL_TIMEOUT = 15
DEFAULT_FROM_EMAIL = SERVER_EMAIL = (
    env.str("DEFAULT_FROM_EMAIL", "Mumaris Plus <no-reply@localhost>") if DEBUG else env.str("DEFAULT_FROM_EMAIL")
)

# --- Celery: carries ids of outbox rows and nothing else ---------------------------------------

CELERY_BROKER_URL = REDIS_URL or "memory://"
CELERY_TASK_ALWAYS_EAGER = not REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_BACKEND = None
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TIMEZONE = TIME_ZONE
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = BROKER_OPTIONS
# A worker outlives a broker that is away for long, or that answers and refuses: read-only, full.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CHANNEL_ERROR_RETRY = True

# --- Words of the Commission ------------------------------------------------------------------

CONTACT = {
    "phone": env.str("CONTACT_PHONE", "920019393"),
    "po_box": env.str("CONTACT_PO_BOX", "94656"),
    "postal_code": env.str("CONTACT_POSTAL_CODE", "11614"),
    "website": env.str("CONTACT_WEBSITE", ""),
    "instagram": env.str("CONTACT_INSTAGRAM", ""),
    "x": env.str("CONTACT_X", ""),
}

LOGGING = describe_logging(debug=DEBUG)
SENTRY_DSN = env.str("SENTRY_DSN", "")
