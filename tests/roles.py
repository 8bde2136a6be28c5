"""Staff with the roles that the migration makes."""

import importlib
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.test import Client

from profiles import migrations

# By what it does: its number is another one when branches meet.
_name = next(Path(migrations.__file__).parent.glob("*_roles_of_staff.py")).stem
MIGRATION = importlib.import_module(f"profiles.migrations.{_name}")
ROLES, WHEN_PRESENT = MIGRATION.ROLES, MIGRATION.WHEN_PRESENT


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


def signed_in(user, language: str = "en") -> Client:
    client = Client()
    client.force_login(user)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    return client
