"""What a page may load: nothing inline, nothing from elsewhere, unless reCAPTCHA is switched on."""

from csp.constants import NONCE, NONE, SELF

GOOGLE = ["https://www.google.com/recaptcha/", "https://www.gstatic.com/recaptcha/"]
GOOGLE_FRAMES = [*GOOGLE, "https://recaptcha.google.com/recaptcha/"]


def content_security_policy(*, recaptcha_on: bool) -> dict:
    """Return django-csp's CONTENT_SECURITY_POLICY."""
    return {
        "DIRECTIVES": {
            "default-src": [NONE],
            "script-src": [SELF, *([NONCE, *GOOGLE] if recaptcha_on else [])],
            "style-src": [SELF],
            "img-src": [SELF],
            "font-src": [SELF],
            "media-src": [SELF],
            "connect-src": [SELF],
            "frame-src": GOOGLE_FRAMES if recaptcha_on else [NONE],
            "form-action": [SELF],
            "base-uri": [NONE],
            "object-src": [NONE],
            "frame-ancestors": [NONE],
        }
    }
