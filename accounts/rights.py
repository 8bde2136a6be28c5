"""What staff change of an account's rights in the admin, as its history tells it."""

from accounts.events import record_event
from accounts.models import User


def read_rights(user_id: int) -> dict[str, object]:
    """Return what somebody may do, as it stands in the database."""
    user = User.objects.get(pk=user_id)
    return {
        "active": user.is_active,
        "staff": user.is_staff,
        "superuser": user.is_superuser,
        "groups": sorted(user.groups.values_list("name", flat=True)),
    }


def record_rights(user: User, *, before: dict[str, object]) -> None:
    """Record what differs from ``before``. Call inside the transaction of the change."""
    after = read_rights(user.pk)
    if before["active"] != after["active"]:
        record_event("account.enabled" if after["active"] else "account.disabled", user=user)
    changed = [name for name in ("staff", "superuser", "groups") if before[name] != after[name]]
    if changed:
        told = [f"{name}: {say_right(before[name])} → {say_right(after[name])}" for name in changed]
        record_event("rights.changed", user=user, fields=told)


def say_right(right: object) -> str:
    """Return a right as rows keep it, in no language: names of groups, or yes and no."""
    if isinstance(right, bool):
        return "yes" if right else "no"
    return ", ".join(right) or "–"
