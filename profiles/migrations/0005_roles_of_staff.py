"""Brings the four roles to what each may do, and no more; run again it changes nothing."""

from django.apps import apps as present_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations

LOOK_UP = [
    "accounts.view_user", "accounts.view_consent", "accounts.view_pendingregistration", "profiles.view_member",
]  # fmt: skip
SUPPORT = [*LOOK_UP, "accounts.send_reset_mail", "accounts.view_staffcase", "accounts.ask_staffcase"]
REVIEW = [
    *LOOK_UP, "accounts.view_whole_address", "profiles.view_updaterequest", "profiles.view_claim",
    "profiles.review_updaterequest", "profiles.view_whole_member",
]  # fmt: skip
SENIOR = [
    *REVIEW, "profiles.bulk_review_updaterequest", "profiles.break_review_lock", "profiles.export_member",
    "profiles.export_updaterequest", "accounts.view_staffcase", "accounts.confirm_staffcase",
]  # fmt: skip
TERMS = [f"profiles.{act}_{term}" for term in ("specialty", "rank") for act in ("view", "add", "change")]
ROLES = {
    "support": SUPPORT,
    "reviewer": REVIEW,
    "senior reviewer": SENIOR,
    "administrator": [
        *SENIOR, *TERMS, "profiles.import_member", "profiles.view_recordview", "accounts.change_user",
        "accounts.send_reset_mail", "accounts.close_double_account", "accounts.view_emailchange",
        "accounts.view_accountevent", "auth.view_group", "mail.view_outbox",
    ],
}  # fmt: skip
# Of models that may not be there: given when they are.
WHEN_PRESENT = {"administrator": ["accounts.view_erasurerequest", "accounts.change_erasurerequest"]}


def set_roles(apps, schema_editor):
    # Permissions are made after all migrations; the groups need them now.
    for label in ("accounts", "profiles", "auth", "mail"):
        create_permissions(present_apps.get_app_config(label), verbosity=0, using=schema_editor.connection.alias)
    permissions = {
        f"{p.content_type.app_label}.{p.codename}": p.pk
        for p in apps.get_model("auth", "Permission").objects.select_related("content_type")
    }
    for name, wanted in ROLES.items():
        group, _made = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        extra = [codename for codename in WHEN_PRESENT.get(name, ()) if codename in permissions]
        group.permissions.set([permissions[codename] for codename in [*wanted, *extra]])


class Migration(migrations.Migration):
    dependencies = [
        ("profiles", "0004_second_looks"),
        ("accounts", "0007_staff_cases"),
        ("mail", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(set_roles, migrations.RunPython.noop)]
