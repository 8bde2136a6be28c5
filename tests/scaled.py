"""Two of everything over one PostgreSQL and one Valkey, and people whose requests both web processes answer in turn."""

import contextlib
import http.client
import itertools
import secrets

from tests.file_samples import make_picture
from tests.stack import Stack
from tests.test_leaks import Person

WEBS = ("web", "web.2")
OTHERS = ("worker", "worker.2", "sweeper", "sweeper.2", "beat")


class ScaledStack(Stack):
    """Two web process groups, two workers and two sweepers; one beat, as everywhere."""

    def _start(self):
        super()._start()
        for name in ("web.2", "worker.2", "sweeper.2"):
            self.start_process(name)
        self.wait_until_healthy("web.2")

    @property
    def web_ports(self) -> list[int]:
        return [self.ports[name] for name in WEBS]


class InTurn:
    """Stands where http.client's connection does: each request goes to the next port."""

    def __init__(self, ports):
        self.ports = itertools.cycle(ports)
        self.connection: http.client.HTTPConnection | None = None

    def request(self, *arguments, **named):
        self.close()
        self.connection = http.client.HTTPConnection("localhost", next(self.ports), timeout=60)
        self.connection.request(*arguments, **named)

    def getresponse(self):
        return self.connection.getresponse()

    def close(self):
        if self.connection:
            self.connection.close()


class Roamer(Person):
    """Somebody whose requests are answered by both web processes in turn."""

    def __init__(self, stack: ScaledStack):
        super().__init__(stack)
        self.connection = InTurn(stack.web_ports)

    def ask_bytes(self, path: str) -> bytes:
        with contextlib.closing(self.connection) as connection:
            connection.request("GET", path, None, self.headers)
            return connection.getresponse().read()

    def send_file(self, path: str, name: str, **typed: str) -> str:
        """Post the form of a page with a picture."""
        fields = self.fill(path, **typed)
        border = secrets.token_hex(16)
        parts = [f'--{border}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
                 for field, value in fields.items() if value]  # fmt: skip
        head = f'--{border}\r\nContent-Disposition: form-data; name="{name}"; filename="scan.jpg"\r\n'
        head += "Content-Type: image/jpeg\r\n\r\n"
        body = b"".join([*parts, head.encode(), make_picture(), f"\r\n--{border}--\r\n".encode()])
        headers = self.headers | {"Content-Type": f"multipart/form-data; boundary={border}",
                                  "Referer": f"{self.stack.base_url}{path}"}  # fmt: skip
        with contextlib.closing(self.connection) as connection:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            self.page = response.read().decode()
        assert response.status in {200, 302}, f"{path} answered {response.status}"
        return response.headers.get("Location", path)
