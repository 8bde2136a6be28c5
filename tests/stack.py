"""``make stack``: the production processes on this machine, over servers of their own, until Ctrl-C.

``with Stack(port=find_free_port()) as stack`` is the same for tests: ``stack.base_url``, ``stack.env``
(settings, keys included), ``stack.mails()``, ``stack.processes[name]``, ``stack.postgres``,
``stack.valkey``, ``stack.sink``; ``stack.restart(name)`` and ``stack.kill(name)`` for one process, and
``stack.start_process("worker.2")`` for one more of its sort. No proxy stands in front: clients say who
they are in X-Forwarded-For themselves.
"""

import argparse
import contextlib
import email
import email.policy
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

import psycopg2

from tests.servers import ROOT, find_free_port, make_keys, start_postgres, start_smtp_sink, start_valkey

# What the shell may hold of a developer's own settings; no other name of the environment is kept from the processes.
SETTINGS = {
    "ADMIN_URL", "ALLOWED_HOSTS", "AT_ONCE_FIELDS", "BASE_URL", "CLAIM_WAIT_HOURS", "CODE_KEY_FALLBACKS",
    "DATA_KEY_FALLBACKS", "DJANGO_SETTINGS_MODULE", "MEMBERSHIP_NUMBER_PATTERN", "RECAPTCHA_PRIVATE_KEY",
    "RECAPTCHA_PUBLIC_KEY", "RETURNED_CLOSE_DAYS", "SECRET_KEY_FALLBACKS", "STATEMENT_TIMEOUT_MS", "VISUAL_CODE",
}  # fmt: skip

# The roles of PostgreSQL that the processes have.
APP, KEEPER = "mumaris_app", "mumaris_keeper"


class Stack:
    """Everything that ``docker-compose.yml`` starts, but the proxy; only processes started here are ever stopped."""

    def __init__(
        self,
        *,
        port: int = 8000,
        settings: dict[str, str] | None = None,
        workers: int = 2,
        start_sink=start_smtp_sink,
        database_folder: Path | None = None,
    ):
        """``start_sink(folder=…)`` starts the mail server; ``database_folder`` is where PostgreSQL keeps its data."""
        self.port = port
        # Where they listen: "web", others of its sort, and "valkey".
        self.ports = {"web": port}
        self.start_sink, self.database_folder = start_sink, database_folder
        self.workers = workers
        self.base_url = f"http://localhost:{port}"
        self.settings = settings or {}
        self.processes: dict[str, subprocess.Popen] = {}
        # Where Prometheus would ask: name of the process → port.
        self.metrics_ports: dict[str, int] = {}
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._closing.close()
            raise
        return self

    def __exit__(self, *_):
        self._closing.close()

    def _start(self):
        # Two folders: PostgreSQL opens the parents of its data for reading, and keys lie in the other.
        shared = self.database_folder or self._make_folder("mumaris-postgres-")
        self.folder = self._make_folder("mumaris-stack-")
        self.mail_folder, self.logs = self.folder / "mails", self.folder / "logs"
        self.mail_folder.mkdir()
        self.logs.mkdir()
        (self.folder / "files").mkdir(mode=0o700)
        self.postgres = start_postgres(shared / "cluster", durable=True)
        self._closing.callback(self.postgres.stop)
        self.start_valkey()
        self.sink = self.start_sink(folder=self.mail_folder)
        self._closing.callback(self.sink.stop)
        self.env = self._make_env()
        self.env_file = self._write_env()
        self.manage("migrate", "--noinput", "--verbosity", "0")
        self._make_roles()
        self.manage("compile_catalogues", "--verbosity", "0")
        self._collect_static()
        self.start_process("web")
        self.start_process("worker")
        self.start_process("sweeper")
        self.start_process("beat")
        self.wait_until_healthy()

    def _make_folder(self, prefix: str) -> Path:
        folder = Path(tempfile.mkdtemp(prefix=prefix))
        self._closing.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def start_valkey(self):
        """Start it (again, after a test has ended it, on the port that everybody knows)."""
        self.valkey = start_valkey(self.ports.get("valkey"))
        self.ports["valkey"] = self.valkey.port
        self._closing.callback(self.valkey.terminate)

    def _make_env(self) -> dict[str, str]:
        return {
            **make_keys(),
            "DEBUG": "0",
            "VAR_DIR": str(self.folder / "var"),
            "FILES_URL": f"file://{self.folder / 'files'}",
            "BASE_URL": self.base_url,
            "ALLOWED_HOSTS": "localhost",
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": f"{self.valkey.connection_url}/0",
            "EMAIL_URL": self.sink.url,
            "DEFAULT_FROM_EMAIL": "Mumaris Plus <no-reply@mumaris.test>",
            "TRUSTED_PROXY_COUNT": "1",
            "MALLOC_ARENA_MAX": "2",
            "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
            **self.settings,
        }

    def _make_roles(self):
        """The site may add to the history and no more; commands run as the owner of the tables."""
        with contextlib.closing(psycopg2.connect(self.postgres.url)) as owner, owner, owner.cursor() as cursor:
            for role in (APP, KEEPER):
                cursor.execute(f"CREATE ROLE {role} LOGIN")
        self.manage("grant_roles", "--app", APP, "--keeper", KEEPER)

    def _collect_static(self):
        """Compressing takes seconds: inside a test run the files are there already (tests/servers.py)."""
        ready = Path(os.environ.get("VAR_DIR", "")) / "static"
        if os.environ.get("PYTEST_VERSION") and (ready / "staticfiles.json").exists():
            shutil.copytree(ready, self.folder / "var" / "static")
        else:
            self.manage("collectstatic", "--noinput", "--verbosity", "0")

    def _write_env(self) -> Path:
        path = self.folder / "env"
        path.touch(mode=0o600)
        path.write_text("".join(f"export {name}='{value}'\n" for name, value in self.env.items()))
        return path

    @property
    def commands(self) -> dict[str, list[str]]:
        return {name: self._command(name) for name in ("web", "worker", "sweeper", "beat")}

    def _command(self, name: str) -> list[str]:
        port = self.ports.setdefault(name, find_free_port()) if name.startswith("web") else 0
        gunicorn = f"gunicorn -c python:mumaris.gunicorn --bind 127.0.0.1:{port} --workers {self.workers} mumaris.wsgi"
        celery = "celery -A mumaris"
        modules = {
            "web": gunicorn,
            "worker": f"{celery} worker --concurrency 4 --loglevel INFO --hostname {name}@%h",
            "beat": f"{celery} beat --schedule {self.folder / 'beat'} --pidfile= --loglevel INFO",
        }
        if name.startswith("sweeper"):
            return [sys.executable, "manage.py", "deliver_mail"]
        return [sys.executable, "-m", *modules[name.partition(".")[0]].split()]

    def _full_env(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name not in SETTINGS} | self.env

    def _process_env(self, name: str) -> dict[str, str]:
        """A process signs in to PostgreSQL as the site; the worker carries out what the keeper does, too."""
        env = self._full_env() | {"DATABASE_URL": self.postgres.url_as(APP)}
        env["METRICS_PORT"] = str(self.metrics_ports.setdefault(name, find_free_port()))
        return env | ({"DATABASE_URL_KEEPER": self.postgres.url_as(KEEPER)} if name.startswith("worker") else {})

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        """Run a management command with the stack's settings."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=self._full_env(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise RuntimeError(f"manage.py {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
        return done

    def start_process(self, name: str, *, settings: dict[str, str] | None = None) -> subprocess.Popen:
        """Start one of ``commands`` in a group of its own (again, after a test has killed it).

        "web.2" is one more of the sort, with a port of its own in ``ports``. ``settings`` are this process's alone.
        """
        with (self.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                self._command(name),
                cwd=ROOT, env=self._process_env(name) | (settings or {}), stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self.processes[name] = process
        self._closing.callback(stop_group, process)
        return process

    def stop_process(self, name: str):
        """Ask it to end, as a deployment does, and wait for that."""
        stop_group(self.processes.pop(name), seconds=30)

    def kill(self, name: str):
        """``kill -9`` of the process and its children."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def restart(self, name: str, *, settings: dict[str, str] | None = None) -> subprocess.Popen:
        """Stop what runs, start again with what ``env`` says by now, and wait until a web process answers."""
        if name in self.processes:
            self.stop_process(name)
        process = self.start_process(name, settings=settings)
        if name in self.ports:
            self.wait_until_healthy(name)
        return process

    def children(self, name: str) -> list[int]:
        """Return the ids of the processes that it has forked: of web, those that answer."""
        pid = self.processes[name].pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def log(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text(errors="replace")

    def mails(self) -> list[email.message.EmailMessage]:
        """Every mail so far, oldest first; read from the folder, so that any process may ask."""
        return [
            email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            for path in sorted(self.mail_folder.glob("[!.]*.eml"))
        ]

    def wait_for_mail(self, address: str, subject_part: str = "", timeout: float = 15, *, after: int = 0):
        """Return the newest mail to ``address`` whose subject holds ``subject_part``.

        ``after`` leaves out that many earlier mails to the address. Raises TimeoutError.
        """
        end = time.monotonic() + timeout
        while True:
            mine = [mail for mail in self.mails() if address in str(mail["To"])][after:]
            if found := [mail for mail in mine if subject_part in str(mail["Subject"])]:
                return found[-1]
            if time.monotonic() > end:
                others = [(str(mail["To"]), str(mail["Subject"])) for mail in self.mails()]
                raise TimeoutError(f"no mail to {address} about {subject_part!r}; there are {others}")
            time.sleep(0.05)

    def dead(self) -> list[str]:
        return [name for name, process in self.processes.items() if process.poll() is not None]

    def wait_until_healthy(self, name: str = "web", seconds: float = 60):
        """Wait until a web process answers. Raises RuntimeError when any process has ended."""
        end = time.monotonic() + seconds
        while True:
            for ended in self.dead():
                raise RuntimeError(f"{ended} ended at once:\n{self.log(ended)[-3000:]}")
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                urllib.request.urlopen(f"http://localhost:{self.ports[name]}/healthz", timeout=5).close()
                return
            if time.monotonic() > end:
                raise RuntimeError(f"/healthz did not answer in {seconds} s:\n{self.log(name)[-3000:]}")
            time.sleep(0.1)


def stop_group(process: subprocess.Popen, seconds: float = 10):
    """Ask the process and its children to end; insist after ``seconds``."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    # What is left of its group: children of a process that was killed, or that would not end.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _print_address(stack: Stack):
    print(f"""
  The site       {stack.base_url}/
  Its mails      {stack.mail_folder} (.eml)
  Its logs       {stack.logs}
  Its settings   {stack.env_file} (with the keys; mode 600)
  A command      . {stack.env_file}; .venv/bin/python manage.py …
  A client       sends X-Forwarded-For: one address per visitor
  Stop it        Ctrl-C
""", flush=True)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(prog="make stack")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    # A closed terminal or a plain `kill` must stop what was started, as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    stack = Stack(port=chosen.port or find_free_port(), workers=chosen.workers)
    with contextlib.suppress(KeyboardInterrupt), stack:
        _print_address(stack)
        seen = 0
        while not (dead := stack.dead()):
            for mail in stack.mails()[seen:]:
                seen += 1
                print(f"mail to {mail['To']}: {mail['Subject']}", flush=True)
            time.sleep(0.5)
        sys.exit(f"{dead[0]} ended:\n{stack.log(dead[0])[-3000:]}")


if __name__ == "__main__":
    main()
