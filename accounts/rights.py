"""What staff change of an account's rights in the admin, as its history tells it, and who is behind whom."""

from datetime import timedelta

from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.events import record_event
from accounts.models import AccountEvent, User

# What gives an account power that it had not, and how long whoever gave it answers for it.
GIVEN = ("rights.changed", "account.enabled")
ANSWERS_FOR = timedelta(days=7)


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


def read_role(group: Group) -> set[str]:
    """Return the permissions of a role as the database has them, each as app.codename."""
    held = group.permissions.values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in held}


def record_role(group: Group, *, before: set[str], after: set[str]) -> None:
    """Record what a role may do now and could not, or the other way. Call inside the transaction of the change.

    Whoever has the role has other rights by it, and whoever changed it answers for them.
    """
    changed = [f"+ {name}" for name in sorted(after - before)] + [f"– {name}" for name in sorted(before - after)]
    if changed:
        record_event("role.changed", subject=group.name, fields=changed)
        for user in group.user_set.all():
            record_event("rights.changed", user=user, fields=[f"{group.name}: {', '.join(changed)}"])


def say_right(right: object) -> str:
    """Return a right as rows keep it, in no language: names of groups, or yes and no."""
    if isinstance(right, bool):
        return "yes" if right else "no"
    return ", ".join(right) or "–"


def is_own(by: User, *owners: int | None) -> bool:
    """Tell whether ``by``, or somebody behind that account, is one of the owners of what is decided on."""
    return bool(people_behind(by.pk) & set(owners))


def people_behind(user_id: int) -> set[int]:
    """Return this account, whoever gave it rights in the last 7 days, whoever gave them theirs, and so on.

    Two accounts with nobody in common are two people, as far as a portal can tell: an administrator who gives a
    role to an account of their own stands behind both.
    """
    given = AccountEvent.objects.filter(kind__in=GIVEN, at__gt=timezone.now() - ANSWERS_FOR, actor__isnull=False)
    found, new = set(), {user_id}
    while new:
        found |= new
        new = set(given.filter(user__in=new).values_list("actor_id", flat=True)) - found
    return found
