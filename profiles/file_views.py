"""Evidence and photos: to their owner and to reviewers, to everybody else a 404."""

from django.contrib import admin, messages
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from profiles import attachments
from profiles.files import serve_file
from profiles.models import MemberFile, UpdateRequest
from profiles.record_views import record_view
from profiles.refusals import StateChanged


@require_http_methods(["GET", "HEAD", "POST"])
def member_file(request, file_id):
    kept = MemberFile.objects.kept().exclude(request=None).select_related("request__member")
    file = get_object_or_404(kept, pk=file_id)
    if file.owner_id == request.user.pk:
        return remove(request, file) if request.method == "POST" else serve_file(request, file.key, kind=file.kind)
    # In a staff session only, as in the admin; what was not sent yet is its owner's alone.
    is_reviewer = admin.site.has_permission(request) and request.user.has_perm("profiles.review_updaterequest")
    if request.method == "POST" or not is_reviewer or file.request.state == UpdateRequest.State.DRAFT:
        raise Http404
    record_view(file.request.member, request.user, "file")
    return serve_file(request, file.key, kind=file.kind)


def remove(request, file: MemberFile):
    """Delete one's own file: while the request may be edited, or after its decision."""
    try:
        attachments.remove_file(file=file)
    except StateChanged:
        messages.warning(request, _("A file of a request under review cannot be deleted."))
    else:
        messages.success(request, _("The file was deleted."))
    return redirect("update_request", file.request.reference)
