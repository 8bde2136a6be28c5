"""The Dockerfile's own steps in a temporary folder: an environment of the runtime lock alone, and a page from it."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from tests.compose import make_secrets, read_services, settings_of
from tests.servers import HOST, ROOT, find_free_port

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("image")]
# The number that the Dockerfile gives its user.
USER = 10001


class Image:
    """What the steps have made so far; /opt, /srv and /tmp of the image lie under ``root``."""

    def __init__(self, root: Path):
        self.root, self.env, self.user, self.command = root, {}, 0, []
        for name in ("opt", "srv", "tmp", "bin"):
            (root / name).mkdir()
        # The base image's Python; and a user of this machine is not made for a test.
        (root / "bin" / "python").symlink_to(sys._base_executable)
        (root / "bin" / "useradd").write_text("#!/bin/sh\n")
        (root / "bin" / "useradd").chmod(0o755)

    def move(self, text: str) -> str:
        """Put the paths of the image under ``root``."""
        moved = re.sub(r"(?<![\w./-])/(opt|srv|tmp)(?=[/\s:\"]|$)", rf"{self.root}/\1", text)
        return moved.replace("file://" + "/srv", f"file://{self.root}/srv").replace(
            "--owner mumaris", f"--owner {USER}"
        )

    @property
    def full_env(self) -> dict[str, str]:
        path = f"{self.root}/bin:{os.environ['PATH']}"
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "HTTP", "http"))}
        # $PATH of the image is that of this machine with the base's Python before it.
        return {**kept, "HOME": str(self.root / "tmp"), "PATH": path} | {
            name: value.replace("$PATH", path) for name, value in self.env.items()
        }

    def run(self, step: str):
        done = subprocess.run(
            ["/bin/sh", "-ec", self.move(step)], cwd=self.root / "srv", env=self.full_env,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"RUN {step}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"

    def copy(self, step: str):
        *sources, target = shlex.split(step)
        if sources[0].startswith("--from="):
            return  # the stages share this folder
        there = Path(self.move(target)) if target.startswith("/") else self.root / "srv" / target
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, there, ignore=shutil.ignore_patterns("__pycache__", "*.mo"))
            else:
                shutil.copy(ROOT / source, there)

    def take(self, line: str):
        word, _, rest = line.partition(" ")
        match word:
            case "RUN":
                self.run(rest)
            case "COPY":
                self.copy(rest)
            case "ENV":
                self.env |= dict(pair.split("=", 1) for pair in shlex.split(self.move(rest)))
            case "USER":
                self.user = USER
            case "CMD":
                self.command = yaml.safe_load(rest)
            case "WORKDIR":
                assert rest == "/srv"
            case "FROM" | "EXPOSE":
                pass
            case _:
                pytest.fail(f"nobody knows the step {word}")


@pytest.fixture(scope="module")
def open_folder():
    """A folder that others may read, as its user must: pytest closes its own."""
    folder = Path(tempfile.mkdtemp(prefix="mumaris-image-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def image(open_folder):
    root = open_folder / "image"
    root.mkdir()
    made = Image(root)
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip():
            made.take(line)
    return made


def test_only_the_runtime_is_installed(image):
    done = subprocess.run(
        [image.root / "opt/venv/bin/python", "-c", "import django, gunicorn, celery; import pytest"],
        env=image.full_env, cwd=image.root / "srv", capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.stderr.strip().endswith("No module named 'pytest'")
    assert (image.root / "srv" / "locale/ar/LC_MESSAGES/django.mo").exists()
    assert (image.root / "srv" / "var/static/staticfiles.json").exists()
    assert not (image.root / "srv" / "tests").exists()


def test_image_serves_a_page(image, open_folder):
    """As web-1 of docker-compose.yml is started, but for the address of the socket: its page needs no database."""
    secrets, log_file = make_secrets(open_folder / "secrets"), open_folder / "log"
    # In a container Docker puts the files where their folder is open.
    secrets.chmod(0o755)
    port, service = find_free_port(), read_services(secrets)["web-1"]
    given = settings_of(service, secrets, image.root / "srv/var") | {"WEB_CONCURRENCY": "1"}
    command = [part.replace("0.0.0.0:8000", f"{HOST}:{port}") for part in image.command]
    with log_file.open("ab") as log:
        web = subprocess.Popen(
            [image.root / "opt/venv/bin" / command[0], *command[1:]], cwd=image.root / "srv", user=runner(image),
            env={**image.full_env, **given, "VAR_DIR": image.env["VAR_DIR"]}, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        wait_for(port, web, log_file)
        headers = {"Host": "portal.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
        status, _headers, page = ask(port, "/ar/accounts/login/", headers)
        style = re.search(r'href="(/static/css/site\.[0-9a-f]+\.css)"', page.decode())[1]
        assert status == 200
        assert ask(port, style, headers | {"Accept-Encoding": "br"})[1]["Content-Encoding"] == "br"
        assert Path(f"/proc/{web.pid}").stat().st_uid == runner(image)
    finally:
        web.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            web.wait(30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(web.pid, signal.SIGKILL)
        web.wait()


def runner(image: Image) -> int:
    """Return the image's user, or who runs the tests where no other user can reach this machine's Python."""
    assert image.user == USER
    folders = Path(sys._base_executable).resolve().parents
    is_reachable = all(folder.stat().st_mode & stat.S_IXOTH for folder in folders)
    return USER if is_reachable and os.getuid() == 0 else os.getuid()


def ask(port: int, path: str, headers: dict[str, str]):
    """Return (status, headers, body)."""
    with urllib.request.urlopen(urllib.request.Request(f"http://{HOST}:{port}{path}", headers=headers)) as answer:
        return answer.status, answer.headers, answer.read()


def wait_for(port: int, process: subprocess.Popen, log: Path):
    end = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection((HOST, port), 1).close()
            return
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)
