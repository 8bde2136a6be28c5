"""Django admin behind the portal's own sign-in: its own form would have no limits and no visual code."""

from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlencode

from django.contrib.admin import AdminSite, ModelAdmin, ShowFacets, SimpleListFilter
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR
from django.core.exceptions import PermissionDenied, SuspiciousOperation, ValidationError
from django.db.models import Q
from django.http import HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from mumaris.capped_pages import CappedPaginator

# What accounts/sessions.py marks a session with: this room does not import that one.
SIGNED_IN = "signed_in"


class PortalAdminSite(AdminSite):
    site_header = site_title = _("Mumaris Plus administration")
    index_title = _("Administration")
    site_url = "/"
    enable_nav_sidebar = False

    def has_permission(self, request):
        return self.is_staff_session(request) and bool(request.session[SIGNED_IN].get("second_factor"))

    def is_staff_session(self, request) -> bool:
        # Somebody promoted while signed in as a member signs in again: staff sessions are short.
        mark = request.session.get(SIGNED_IN, {})
        return super().has_permission(request) and mark.get("kind") == "staff"

    def get_urls(self):
        # Its redirect to an object's page on the site asks for a sites framework that is not here.
        return [url for url in super().get_urls() if getattr(url, "name", "") != "view_on_site"]

    def login(self, request, extra_context=None):
        # Not public: whoever comes here has signed in through the portal.
        if self.has_permission(request):
            return HttpResponseRedirect(reverse("admin:index"))
        if not self.is_staff_session(request):
            raise PermissionDenied
        # Asks for the second step, and who has none yet is told to add it.
        wanted = request.GET.get("next") or reverse("admin:index")
        return HttpResponseRedirect(f"{reverse('mfa_reauthenticate')}?{urlencode({'next': wanted})}")

    def password_change(self, request, extra_context=None):
        # In the portal, where the rule, the limits and the notice are.
        return HttpResponseRedirect(reverse("account_change_password"))


def is_row_id(typed: str) -> bool:
    """Tell whether a part of an address can be the id of a row: a longer number is an error of the database."""
    return typed.isascii() and typed.isdigit() and len(typed) < 19


class PortalModelAdmin(ModelAdmin):
    """Lists that count once and answer no question about a field that they do not show."""

    show_full_result_count = False
    paginator = CappedPaginator
    # Each would count all rows once for every choice of a filter.
    show_facets = ShowFacets.NEVER

    # Field → the cleaner of what is typed (ValueError: it cannot be this field). Compared whole, by an index:
    # Django's "=field" compares in upper case, which reads every row.
    searched: dict[str, Callable[[str], str]] = {}

    def get_search_fields(self, request):
        # Their names switch the search box on.
        return self.search_fields or tuple(self.searched)

    def get_search_results(self, request, queryset, search_term):
        if not self.searched or not search_term:
            return super().get_search_results(request, queryset, search_term)
        found = Q(pk=None)
        for name, clean in self.searched.items():
            with suppress(ValueError):
                found |= Q(**{name: clean(search_term)})
        return queryset.filter(found), False

    def get_changelist_instance(self, request):
        # A filter hands what stands in the address to the database, which refuses a NUL with an error.
        # The search box has a form, which says so itself.
        filters = (values for name, values in request.GET.lists() if name != SEARCH_VAR)
        if any("\0" in value for values in filters for value in values):
            raise IncorrectLookupParameters
        return super().get_changelist_instance(request)

    def get_object(self, request, object_id, from_field=None):
        # An empty name of a field passes Django's check, and is no field.
        return super().get_object(request, object_id, from_field or None)

    def response_action(self, request, queryset):
        # Django asks the database for whatever a list says was ticked, and a word is no number.
        if not all(map(self._is_key, request.POST.getlist(ACTION_CHECKBOX_NAME))):
            raise SuspiciousOperation("no key of a row")
        return super().response_action(request, queryset)

    def ticked(self, request, queryset):
        """Return what was ticked and no more, for an act: «select all» reaches further than the screen."""
        return queryset.filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME))

    def _is_key(self, typed: str) -> bool:
        with suppress(ValidationError):
            key = self.opts.pk.to_python(typed)
            return not isinstance(key, int) or is_row_id(typed)
        return False

    def lookup_allowed(self, lookup, value, request=None):
        # Django allows ?password__startswith=…, and a hash is read letter by letter.
        # A filter of our own goes by the name of its parameter.
        names = {getattr(entry, "parameter_name", entry) for entry in self.list_filter}
        return lookup.partition("__")[0] in names and super().lookup_allowed(lookup, value, request)

    def list_query(self, request) -> str:
        """Return how the address searches, filters and orders the list, and nothing else that stands in it."""
        kept = QueryDict(mutable=True)
        for name, values in request.GET.lists():
            if name in {SEARCH_VAR, ORDER_VAR} or self.lookup_allowed(name, values[-1], request):
                kept.setlist(name, values)
        return kept.urlencode()


class KindFilter(SimpleListFilter):
    """A filter by kind whose choices come from the code: asking the table would read all of it."""

    parameter_name = "kind"
    # Returns {kind: its lazy words}.
    list_kinds: Callable[[], dict[str, str]]

    def lookups(self, request, model_admin):
        return sorted(((kind, str(words)) for kind, words in self.list_kinds().items()), key=lambda choice: choice[1])

    def queryset(self, request, queryset):
        return queryset.filter(kind=self.value()) if self.value() else queryset


class ReadOnlyAdmin(PortalModelAdmin):
    """Rows that only the portal itself writes."""

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False
