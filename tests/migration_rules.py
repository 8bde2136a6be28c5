"""``python -m tests.migration_rules``: migrations only add, so that the former release runs on while the next starts.

A migration is carried out while processes of the former release serve. What would break them, or lock a table that
grows, is refused unless it is named below with its reason. What lies before ``FIRST`` made the tables of a first
deployment, where no former release runs.
"""

import os
import sys

import django
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations
from django.db.migrations.loader import MigrationLoader

# The last migrations of the first release.
FIRST = {
    "accounts": "0007_staff_cases", "mail": "0001_initial", "mumaris": "0001_initial",
    "profiles": "0005_roles_of_staff",
}  # fmt: skip
# (app, migration, operation as it describes itself): why it breaks nobody.
ALLOWED: dict[tuple[str, str, str], str] = {}

HARMLESS = (migrations.CreateModel, migrations.AlterModelOptions, migrations.AlterModelManagers)
# What these do to a table that the same migration makes cannot be in anybody's way.
ON_NEW_TABLES = (migrations.AddField, migrations.AddIndex, migrations.AddConstraint)


def table_of(operation) -> str:
    return (getattr(operation, "model_name", "") or getattr(operation, "name", "")).lower()


def find_fault(operation, migration, made: set[str]) -> str:
    """Return why the former release, or the table, would suffer from an operation; an empty string for neither."""
    if isinstance(operation, HARMLESS) or (isinstance(operation, ON_NEW_TABLES) and table_of(operation) in made):
        return ""
    match operation:
        case migrations.AddField():
            return find_fault_of_field(operation.field)
        case AddIndexConcurrently():
            return "" if not migration.atomic else "it cannot run in a transaction: set atomic = False"
        case migrations.AddIndex():
            return "it locks the table against writes: use AddIndexConcurrently with atomic = False"
        case migrations.RunPython():
            return "" if operation.reverse_code else "it has no way back: give it reverse_code, RunPython.noop at least"
        case _:
            return "the former release relies on what it changes: add beside it, and take away one release later"


def find_fault_of_field(field) -> str:
    if not (field.has_db_default() or field.null or field.many_to_many):
        return "the former release does not write it: give it null=True or db_default"
    # A column that points to another table has an index unless it says otherwise.
    has_index = field.unique or field.db_index
    return "it locks the table while its index is made: add that concurrently" if has_index else ""


def find_faults(loader: MigrationLoader) -> dict[tuple[str, str, str], str]:
    """Return (app, migration, operation) → fault, for every migration after the first release."""
    faults = {}
    for (app, name), migration in sorted(loader.disk_migrations.items()):
        if app not in FIRST or name <= FIRST[app]:
            continue
        made = {operation.name.lower() for operation in migration.operations if isinstance(operation, HARMLESS[0])}
        for operation in migration.operations:
            if fault := find_fault(operation, migration, made):
                faults[app, name, operation.describe()] = fault
    return faults


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mumaris.settings")
    django.setup()
    faults = find_faults(MigrationLoader(None))
    told = [f"{' '.join(where)}: {fault}" for where, fault in faults.items() if where not in ALLOWED]
    told += [f"{' '.join(where)} needs no exception: take it off the list" for where in ALLOWED if where not in faults]
    print("\n".join(told) or "Migrations only add.")
    sys.exit(bool(told))


if __name__ == "__main__":
    main()
