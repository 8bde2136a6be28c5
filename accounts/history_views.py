"""The page that shows somebody what happened to their account."""

from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.history import list_history
from mumaris.admin import is_row_id


@never_cache
@require_safe
def activity(request):
    before = request.GET.get("before", "")
    lines, next_before = list_history(request.user, before=int(before) if is_row_id(before) else None)
    context = {"lines": lines, "next_before": next_before, "is_first": not before}
    return render(request, "account/activity.html", context)
