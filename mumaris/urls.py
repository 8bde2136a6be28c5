"""Every address of the portal. Pages stand under a language prefix; what machines ask for does not."""

from django.conf import settings
from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.generic import RedirectView

from accounts.views import set_language
from mumaris import health, views
from mumaris.mail import mailbox

urlpatterns = [
    path("", views.root, name="root"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("robots.txt", views.robots, name="robots"),
    path(
        ".well-known/change-password",
        login_not_required(RedirectView.as_view(pattern_name="account_change_password")),
        name="well_known_change_password",
    ),
    path("styleguide/", views.styleguide, name="styleguide"),
    path(settings.ADMIN_URL, admin.site.urls),
    *i18n_patterns(
        path("", include("mumaris.page_urls")),
        path("language/", set_language, name="set_language"),
        path("accounts/", include("accounts.urls")),
        path("profile/", include("profiles.urls")),
    ),
]

if settings.MAIL_TRANSPORT == "mumaris.mail.mailbox.MailboxBackend":
    urlpatterns += [
        path("mailbox/", mailbox.list_mails, name="mailbox"),
        path("mailbox/<slug:name>/", mailbox.show_html, name="mailbox_html"),
    ]

handler400 = "mumaris.views.bad_request"
handler403 = "mumaris.views.permission_denied"
handler404 = "mumaris.views.page_not_found"
handler429 = "mumaris.views.too_many_requests"  # allauth asks for it
handler500 = "mumaris.views.server_error"
