"""Files of an update request: attach one, remove one."""

from contextlib import suppress

from django.db import transaction
from django.utils import timezone

from accounts.events import record_event
from mumaris.stores import StoreAway
from profiles.files import CleanFile, delete_file, store_file
from profiles.models import MemberFile, UpdateRequest
from profiles.refusals import StateChanged
from profiles.services import is_field_open, lock_request


def attach_file(*, request: UpdateRequest, clean: CleanFile, kind: str) -> MemberFile:
    """Store a cleaned upload with a request that its owner may still edit. Raises StateChanged."""
    # The bytes first: no transaction is open while the file store answers.
    key = store_file(clean)
    try:
        with transaction.atomic():
            return _attach(lock_request(request), clean, kind, key)
    except Exception:
        with suppress(StoreAway):
            delete_file(key)
        raise


def _attach(request: UpdateRequest, clean: CleanFile, kind: str, key: str) -> MemberFile:
    if not request.is_editable:
        raise StateChanged
    file = MemberFile.objects.create(
        kind=kind,
        owner_id=request.requested_by_id,
        request=request,
        key=key,
        content_type=clean.content_type,
        size=len(clean.content),
        digest=clean.digest,
    )
    if kind == MemberFile.Kind.PHOTO and is_field_open(request, "photo"):
        former = request.files.filter(pk=request.new_values.get("photo") or None)
        former.update(delete_after=timezone.now())
        request.new_values["photo"] = str(file.pk)
    request.revision += 1
    request.save(update_fields=["new_values", "revision", "updated_at"])
    record_event("file.uploaded", user=request.requested_by, subject=kind)
    return file


def remove_file(*, file: MemberFile) -> None:
    """Delete an owner's file, unless a reviewer needs it or it is the member's photo. Raises StateChanged."""
    with transaction.atomic():
        request = lock_request(file.request)
        if request.state == UpdateRequest.State.SUBMITTED or request.member.photo_id == file.pk:
            raise StateChanged
        if request.new_values.get("photo") == str(file.pk) and request.is_editable:
            del request.new_values["photo"]
        request.revision += 1
        request.save(update_fields=["new_values", "revision", "updated_at"])
        MemberFile.objects.filter(pk=file.pk).update(delete_after=timezone.now())
        record_event("file.deleted", user=request.requested_by, subject=file.kind)
    purge_file(file)


def purge_file(file: MemberFile) -> bool:
    """Delete the bytes and then the row; False when the store is away, or another purge was faster."""
    try:
        delete_file(file.key)
    except StoreAway:
        return False
    return bool(file.delete()[0])


def purge_files() -> int:
    """Delete the files whose time is over; safe to run twice at once."""
    due = MemberFile.objects.filter(delete_after__lte=timezone.now()).order_by("delete_after")
    return sum(purge_file(file) for file in due.iterator())
