"""Who sees the operations page: senior reviewers, whose queue it shows, and administrators."""

from django.apps import apps as present_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations

ADDED = {role: ["operations.view_dailyfigure"] for role in ("senior reviewer", "administrator")}


def add_permission(apps, schema_editor):
    # Permissions are made after all migrations; the groups need it now.
    create_permissions(present_apps.get_app_config("operations"), verbosity=0, using=schema_editor.connection.alias)
    for role, codenames in ADDED.items():
        for codename in codenames:
            app, name = codename.split(".")
            permission = apps.get_model("auth", "Permission").objects.get(content_type__app_label=app, codename=name)
            group, _made = apps.get_model("auth", "Group").objects.get_or_create(name=role)
            group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [("profiles", "0005_roles_of_staff"), ("operations", "0001_initial")]
    operations = [migrations.RunPython(add_permission, migrations.RunPython.noop)]
