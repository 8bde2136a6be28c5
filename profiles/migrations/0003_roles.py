"""The four roles of staff, as groups. Who holds which is decided in the admin."""

from django.apps import apps as present_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations

LOOK_UP = [
    "accounts.view_user", "accounts.view_consent", "accounts.view_pendingregistration", "profiles.view_member",
]  # fmt: skip
REVIEW = [
    *LOOK_UP, "profiles.view_updaterequest", "profiles.view_claim", "profiles.review_updaterequest",
    "profiles.view_whole_member",
]  # fmt: skip
SENIOR = [
    *REVIEW, "profiles.bulk_review_updaterequest", "profiles.break_review_lock", "profiles.export_member",
    "profiles.export_updaterequest",
]  # fmt: skip
TERMS = [f"profiles.{act}_{term}" for term in ("specialty", "rank") for act in ("view", "add", "change")]
ROLES = {
    "support": [*LOOK_UP, "accounts.change_user"],
    "reviewer": REVIEW,
    "senior reviewer": SENIOR,
    "administrator": [
        *SENIOR, *TERMS, "profiles.import_member", "profiles.view_recordview", "accounts.change_user",
        "auth.view_group", "mail.view_outbox",
    ],
}  # fmt: skip


def add_roles(apps, schema_editor):
    # Permissions are made after all migrations; the groups need them now.
    for label in ("accounts", "profiles", "auth", "mail"):
        create_permissions(present_apps.get_app_config(label), verbosity=0, using=schema_editor.connection.alias)
    permissions = {
        f"{p.content_type.app_label}.{p.codename}": p.pk
        for p in apps.get_model("auth", "Permission").objects.select_related("content_type")
    }
    for name, wanted in ROLES.items():
        group, _made = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*(permissions[codename] for codename in wanted))


class Migration(migrations.Migration):
    dependencies = [
        ("profiles", "0002_terms"),
        ("accounts", "0001_initial"),
        ("mail", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(add_roles, migrations.RunPython.noop)]
