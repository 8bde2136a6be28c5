"""What an operator runs once: secrets in files, and the roles of a new database."""

import contextlib
import os
import stat
import subprocess
import sys
import time

import psycopg2
import pytest
import yaml
from django.core.management import call_command

from tests.compose import make_secrets, read_services, settings_of
from tests.servers import HOST, ROOT, start_postgres

NEEDED = set(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["secrets"])


def test_secrets_are_made_once_and_kept(tmp_path):
    folder = make_secrets(tmp_path / "secrets")
    first = {path.name: path.read_text() for path in folder.iterdir()}
    make_secrets(folder)

    assert set(first) == NEEDED
    assert {path.name: path.read_text() for path in folder.iterdir()} == first
    assert len({first[name] for name in ("secret_key", "code_key", "data_key", "app_password")}) == 4
    empty = {name for name, content in first.items() if not content}
    assert empty == {name for name in NEEDED if name.endswith("_fallbacks")}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    # Containers run as somebody else, and the folder is closed to everybody else on the machine.
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o644}


def test_start_stops_where_the_mail_server_was_not_filled_in(tmp_path):
    secrets = make_secrets(tmp_path / "secrets")
    (secrets / "email_url").write_text("")
    settings = settings_of(read_services(secrets)["web-1"], secrets, tmp_path / "var")
    done = subprocess.run(
        [sys.executable, "-c", "import mumaris.wsgi"], cwd=ROOT, env={"PATH": os.environ["PATH"], **settings},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode != 0
    assert done.stderr.strip().endswith(f'"EMAIL_URL_FILE" names {secrets}/email_url, which is empty')


@pytest.fixture
def new_postgres(tmp_path_factory):
    server = start_postgres(tmp_path_factory.mktemp("roles") / "cluster")
    yield server
    server.stop()


def test_roles_of_a_new_database_have_passwords_and_no_power(new_postgres, tmp_path):
    secrets = make_secrets(tmp_path / "secrets")
    programs = new_postgres.program.parent
    (secrets / "app_password").write_text('it\'s "odd" $HOME\n')
    subprocess.run(
        [ROOT / "deploy" / "make-roles.sh"], check=True,
        env={"PATH": f"{programs}:{os.environ['PATH']}", "SECRETS": str(secrets), "POSTGRES_USER": "postgres",
             "POSTGRES_DB": "postgres", "PGHOST": HOST, "PGPORT": str(new_postgres.port)},
    )  # fmt: skip
    with contextlib.closing(psycopg2.connect(new_postgres.url)) as owner, owner.cursor() as cursor:
        cursor.execute(
            "SELECT rolname, rolpassword LIKE 'SCRAM-SHA-256$%', rolsuper, rolcreaterole, rolcreatedb FROM pg_authid"
            " WHERE rolname LIKE 'mumaris%' ORDER BY rolname"
        )
        assert cursor.fetchall() == [(name, True, False, False, False) for name in ("mumaris_app", "mumaris_keeper")]
    ask_for_passwords(new_postgres)
    psycopg2.connect(new_postgres.url_as("mumaris_app"), password='it\'s "odd" $HOME').close()
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(new_postgres.url_as("mumaris_app"), password="guessed")


def ask_for_passwords(postgres):
    """As PostgreSQL's image does; the wheel's cluster trusts whoever is on this machine."""
    (postgres.folder / "pg_hba.conf").write_text("host all all all scram-sha-256\n")
    postgres.server.send_signal(1)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            psycopg2.connect(postgres.url).close()
        except psycopg2.OperationalError:
            return
        time.sleep(0.1)
    raise TimeoutError("PostgreSQL did not read its pg_hba.conf again")


@pytest.mark.django_db
def test_sweeper_leaves_a_sign_of_life(tmp_path):
    call_command("deliver_mail", once=True, alive=tmp_path / "alive")

    assert (tmp_path / "alive").exists()
