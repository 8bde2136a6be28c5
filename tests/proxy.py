"""deploy/nginx.conf in front of web processes of this machine: ports and paths are other ones, and nothing else is."""

import contextlib
import http.client
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from tests.compose import make_secrets
from tests.servers import HOST, NGINX, ROOT, find_free_port

SOURCE = ROOT / "deploy" / "nginx.conf"
# What docker-compose.yml names web-1 and web-2.
ADDRESSES = ("10.89.77.11:8000", "10.89.77.12:8000")


class Proxy:
    """nginx before the web processes at ``ports``; ``https_port`` and ``http_port`` are its own."""

    def __init__(self, ports: list[int], *, https_port: int | None = None):
        self.ports = ports
        self.https_port, self.http_port = https_port or find_free_port(), find_free_port()
        self.address = f"https://localhost:{self.https_port}"
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._closing.close()
            raise
        return self

    def _start(self):
        self.folder = Path(tempfile.mkdtemp(prefix="mumaris-proxy-"))
        self._closing.callback(shutil.rmtree, self.folder, ignore_errors=True)
        # nginx's workers run as somebody else and read the pages; the keys are read before.
        self.folder.chmod(0o755)
        shutil.copytree(ROOT / "deploy" / "pages", self.folder / "pages")
        self.secrets = make_secrets(self.folder / "secrets")
        (self.folder / "nginx.conf").write_text(self._settle())
        command = [NGINX, "-e", "stderr", "-c", str(self.folder / "nginx.conf")]
        tested = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
        if tested.returncode:
            raise RuntimeError(tested.stderr)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "-g", "daemon off;"], stdout=log, stderr=log, start_new_session=True
            )
        self._closing.callback(self._stop)
        self._wait()

    def __exit__(self, *_):
        self._closing.close()

    def _settle(self) -> str:
        """Return the configuration with this machine's ports and paths; each change must hit."""
        text = SOURCE.read_text()
        changes = {
            "/tmp/": f"{self.folder}/tmp-",  # noqa: S108  (the container's own)
            "/run/secrets/": f"{self.secrets}/", "/srv/pages": f"{self.folder}/pages",
            "listen 8443": f"listen {self.https_port}", "listen 8080": f"listen {self.http_port}",
            "127.0.0.1:8081": f"127.0.0.1:{find_free_port()}",
        }  # fmt: skip
        # One web process alone stands at both addresses.
        changes |= {address: f"{HOST}:{port}" for address, port in zip(ADDRESSES, self.ports, strict=True)}
        for old, new in changes.items():
            assert old in text, f"{SOURCE.name} has no {old!r}"
            text = text.replace(old, new)
        return text

    def _stop(self):
        self.process.send_signal(signal.SIGQUIT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(10)

    def _wait(self):
        end = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection((HOST, self.https_port), 1).close()
                return
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(self.log())
            time.sleep(0.05)

    @contextlib.contextmanager
    def without(self, name: str):
        """Ask the other web service alone: name is web-1 or web-2."""
        mark = self.folder / f"tmp-only-{'web-1' if name == 'web-2' else 'web-2'}"
        mark.touch()
        # What was on its way is with its process by now.
        time.sleep(1)
        yield
        mark.unlink()

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def connect(self, *, tls: bool = True) -> http.client.HTTPConnection:
        if not tls:
            return http.client.HTTPConnection("localhost", self.http_port, timeout=40)
        context = ssl.create_default_context(cafile=str(self.secrets / "tls_certificate"))
        # The certificate is that of portal.example.
        context.check_hostname = False
        return http.client.HTTPSConnection("localhost", self.https_port, timeout=40, context=context)

    def ask(self, path: str, *, tls: bool = True, method: str = "GET", body: bytes | None = None, **headers: str):
        """Return (status, headers, text)."""
        with contextlib.closing(self.connect(tls=tls)) as connection:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode(errors="replace")
