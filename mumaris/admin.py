"""Django admin behind the portal's own sign-in: its own form would have no limits and no visual code."""

from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _


class PortalAdminSite(AdminSite):
    site_header = site_title = _("Mumaris Plus administration")
    index_title = _("Administration")
    site_url = "/"
    enable_nav_sidebar = False

    def login(self, request, extra_context=None):
        if request.user.is_authenticated:
            raise PermissionDenied
        target = request.GET.get("next", reverse("admin:index"))
        return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({'next': target})}")

    def password_change(self, request, extra_context=None):
        # In the portal, where the rule, the limits and the notice are.
        return HttpResponseRedirect(reverse("account_change_password"))
