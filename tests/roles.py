"""Staff with the roles that the migration makes."""

import importlib
import time
from pathlib import Path

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.test import Client

from profiles import migrations

APP_KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
# By what it does: its number is another one when branches meet.
_name = next(Path(migrations.__file__).parent.glob("*_roles_of_staff.py")).stem
MIGRATION = importlib.import_module(f"profiles.migrations.{_name}")
_added = next(Path(migrations.__file__).parent.glob("*_operations_for_staff.py")).stem
ADDED = importlib.import_module(f"profiles.migrations.{_added}").ADDED
ROLES = {role: [*held, *ADDED.get(role, ())] for role, held in MIGRATION.ROLES.items()}
WHEN_PRESENT = MIGRATION.WHEN_PRESENT


def give_role(user, role: str):
    """Put a user into a role's group, made anew where a test has emptied the tables."""
    group, _made = Group.objects.get_or_create(name=role)
    for permission in ROLES[role]:
        app, codename = permission.split(".")
        group.permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    user.is_staff = True
    user.save()
    user.groups.add(group)
    return user


def add_app(user) -> str:
    """Give an account an authenticator app with a known key, as if it had been added long ago; return the key."""
    TOTP.activate(user, APP_KEY)
    RecoveryCodes.activate(user)
    return APP_KEY


def app_code(key: str = APP_KEY, steps_ahead: int = 0, spare: float = 2) -> str:
    """Return what the app shows now, and for ``spare`` seconds more: a code counts in its half minute alone."""
    left = 30 - time.time() % 30
    if left < spare:
        time.sleep(left)
    step = int(time.time()) // 30 + steps_ahead
    return totp.format_hotp_value(totp.hotp_value(key, step))


def enter(client: Client, user) -> Client:
    """Sign staff in past both steps."""
    client.force_login(user)
    session = client.session
    session.mark_second_factor(True)
    session.save()
    return client


def signed_in(user, language: str = "en") -> Client:
    client = Client()
    if user.is_staff:
        enter(client, user)
    else:
        client.force_login(user)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    return client
