"""What of the queue a reviewer sees. Each filter has a default, and steps aside for a search."""

from django.contrib.admin import SimpleListFilter
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mumaris.operations.days import midnight
from profiles.models import UpdateRequest
from profiles.working_days import overdue_before

State = UpdateRequest.State
EVERYTHING = "all"


class DefaultFilter(SimpleListFilter):
    """A filter that filters also when nothing was chosen."""

    default = ""
    default_title = ""

    def choices(self, changelist):
        chosen = self.value() or self.default
        for value, title in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": chosen == value, "query_string": query, "display": title}

    def queryset(self, request, queryset):
        if not self.value() and request.GET.get("q"):
            return queryset
        return self.narrow(request, queryset, self.value() or self.default)

    def narrow(self, request, queryset, chosen: str):
        raise NotImplementedError


class StateFilter(DefaultFilter):
    title = _("request status")
    parameter_name = "state"
    default = State.SUBMITTED.value

    def lookups(self, request, model_admin):
        return [*((state.value, state.label) for state in State if state != State.DRAFT), (EVERYTHING, _("All"))]

    def narrow(self, request, queryset, chosen):
        return queryset if chosen == EVERYTHING else queryset.filter(state=chosen)


class ReviewerFilter(DefaultFilter):
    title = _("reviewer")
    parameter_name = "reviewer"
    default = "open"

    def lookups(self, request, model_admin):
        return [("open", _("Mine and free")), ("mine", _("Mine")), (EVERYTHING, _("All"))]

    def narrow(self, request, queryset, chosen):
        if chosen == "open":
            return queryset.mine_or_free(request.user, timezone.now())
        return queryset.filter(reviewer=request.user) if chosen == "mine" else queryset


class AgeFilter(DefaultFilter):
    title = _("age")
    parameter_name = "age"
    default = EVERYTHING

    def lookups(self, request, model_admin):
        return [(EVERYTHING, _("All")), ("overdue", _("Overdue")), ("today", _("Sent today"))]

    def narrow(self, request, queryset, chosen):
        today = timezone.localdate()
        if chosen == "today":
            return queryset.filter(submitted_at__gte=midnight(today))
        return queryset.filter(submitted_at__lt=midnight(overdue_before(today))) if chosen == "overdue" else queryset
