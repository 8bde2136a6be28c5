"""The rules for migrations refuse what would break the release that still runs, and let additions in."""

from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader

from tests.migration_rules import ALLOWED, FIRST, find_fault, find_faults

CASCADE = models.CASCADE
DEFAULT = models.CharField(max_length=9, default="")
TEXT = models.CharField(max_length=9)
INDEX = models.Index(fields=["kind"], name="by_kind")
CHECK = models.CheckConstraint(condition=models.Q(a__gt=0), name="a_positive")
BREAKING = {
    "column without a default of the database": migrations.AddField("event", "a", DEFAULT),
    "unique column": migrations.AddField("event", "a", models.CharField(max_length=9, null=True, unique=True)),
    "column with an index": migrations.AddField("event", "a", models.IntegerField(null=True, db_index=True)),
    "column that points elsewhere": migrations.AddField("event", "a", models.ForeignKey("user", CASCADE, null=True)),
    "column away": migrations.RemoveField("event", "a"),
    "table away": migrations.DeleteModel("event"),
    "column renamed": migrations.RenameField("event", "a", "b"),
    "table renamed": migrations.RenameModel("event", "fact"),
    "table named otherwise": migrations.AlterModelTable("event", "facts"),
    "column changed": migrations.AlterField("event", "a", TEXT),
    "index that locks": migrations.AddIndex("event", INDEX),
    "index at once, yet in a transaction": AddIndexConcurrently("event", INDEX),
    "constraint": migrations.AddConstraint("event", CHECK),
    "rule of two columns": migrations.AlterUniqueTogether("event", {("a", "b")}),
    "SQL": migrations.RunSQL("SELECT 1", migrations.RunSQL.noop),
    "data without a way back": migrations.RunPython(lambda *_: None),
}  # fmt: skip
HARMLESS = {
    "table": migrations.CreateModel("fact", [("id", models.AutoField(primary_key=True))]),
    "column that may be empty": migrations.AddField("event", "a", models.CharField(max_length=9, null=True)),
    "column that points elsewhere without an index": migrations.AddField(
        "event", "a", models.ForeignKey("user", CASCADE, null=True, db_index=False)
    ),
    "column that the database fills": migrations.AddField("event", "a", models.IntegerField(db_default=0)),
    "column of a new table": migrations.AddField("new", "a", TEXT),
    "index of a new table": migrations.AddIndex("New", INDEX),
    "constraint of a new table": migrations.AddConstraint("new", CHECK),
    "data with a way back": migrations.RunPython(lambda *_: None, migrations.RunPython.noop),
    "names in the admin": migrations.AlterModelOptions("event", {}),
}


@pytest.mark.parametrize("what", BREAKING)
def test_what_breaks_the_former_release_is_refused(what):
    assert find_fault(BREAKING[what], SimpleNamespace(atomic=True), {"new"})


@pytest.mark.parametrize("what", HARMLESS)
def test_what_only_adds_is_let_in(what):
    assert find_fault(HARMLESS[what], SimpleNamespace(atomic=True), {"new"}) == ""


def test_index_made_concurrently_outside_a_transaction_is_let_in():
    assert find_fault(AddIndexConcurrently("event", INDEX), SimpleNamespace(atomic=False), set()) == ""


def test_migrations_of_the_product_only_add():
    loader = MigrationLoader(None)

    ours = {app.label for app in apps.get_app_configs() if "site-packages" not in app.path}
    with_migrations = {app for app, _name in loader.disk_migrations} & ours
    assert {app for app, name in loader.disk_migrations if name == FIRST.get(app)} == set(FIRST) == with_migrations
    assert set(find_faults(loader)) == set(ALLOWED)


def test_rules_would_see_the_migrations_if_they_came_later(monkeypatch):
    """The walk over the files finds something: without the line under the first release there would be faults."""
    for app in FIRST:
        monkeypatch.setitem(FIRST, app, "0000")

    assert {where[:2] for where in find_faults(MigrationLoader(None))} >= {("accounts", "0002_email_change")}
