"""``make rolling``: both web services are replaced in turn while people go on; what they saw is counted and printed.

nginx with deploy/nginx.conf stands before two web process groups and is told to leave one alone. That one is ended as
Docker ends it (SIGTERM, time to finish) and started again; then the other, ROUNDS times. Any answer of 400 or more,
and any connection that broke, is a failure.
"""

import argparse
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlencode

from tests.proxy import Proxy
from tests.scaled import WEBS, ScaledStack
from tests.servers import find_free_port
from tests.stack import Stack
from tests.timing import FORM, PASSWORD, Visitor, open_token

RATE = 20
SEED = f"""
from accounts.models import User
User.objects.create_user("rolling@example.com", {PASSWORD!r}, first_name="A", last_name="B")
"""


@dataclass
class Seen:
    """What the load saw: seconds of every answer, and what went wrong in words."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    posts: int = 0

    def tell(self) -> str:
        slow = sorted(self.seconds)
        p99 = slow[int(len(slow) * 0.99)] * 1000
        return (
            f"{len(self.seconds)} requests, {self.posts} of them posts, {len(self.failures)} failed; "
            f"p50 {statistics.median(slow) * 1000:.0f} ms, p99 {p99:.0f} ms, slowest {slow[-1] * 1000:.0f} ms"
        )


class Load:
    """RATE requests a second: public pages, a signed-in page, a health check, and every fourth a post."""

    def __init__(self, stack: Stack, proxy: Proxy):
        self.proxy, self.seen, self.stopped = proxy, Seen(), threading.Event()
        visitor = Visitor(stack)
        visitor.connection, visitor.headers = proxy.connect(), {"Referer": f"{proxy.address}/"}
        visitor.time_post(
            "/ar/accounts/login/", {"login": "rolling@example.com", "password": PASSWORD},
            lambda token: {"captcha": open_token(stack, token)["digits"]},
        )  # fmt: skip
        # A post that changes nothing but a cookie, with the token that every form carries.
        _status, page = visitor.ask("GET", "/ar/accounts/sessions/")
        token = visitor.hidden(page, "csrfmiddlewaretoken")
        self.body = urlencode({"csrfmiddlewaretoken": token, "language": "en"}).encode()
        self.headers = visitor.headers
        visitor.connection.close()
        self.kinds = ("/ar/accounts/login/", "/ar/profile/", "/ar/", "post")
        self.lock = threading.Lock()

    def ask_one(self, number: int):
        kind, start = self.kinds[number % len(self.kinds)], time.perf_counter()
        try:
            if kind == "post":
                status = self.proxy.ask("/ar/language/", method="POST", body=self.body, **self.headers, **FORM)[0]
            else:
                status = self.proxy.ask(kind, **self.headers)[0]
        except OSError as error:
            status, told = 0, type(error).__name__
        else:
            told = str(status)
        with self.lock:
            self.seen.seconds.append(time.perf_counter() - start)
            self.seen.posts += kind == "post"
            if not 200 <= status < 400:
                self.seen.failures.append(f"{kind}: {told}")

    def run(self):
        with ThreadPoolExecutor(32) as pool:
            start = time.monotonic()
            for number in range(1_000_000):
                pool.submit(self.ask_one, number)
                if self.stopped.wait(max(0, start + (number + 1) / RATE - time.monotonic())):
                    return


def measure(rounds: int = 2) -> Seen:
    """Return what the load saw while both services were replaced ``rounds`` times, one after the other."""
    https_port = find_free_port()
    settings = {"BASE_URL": f"https://localhost:{https_port}", "TRUSTED_PROXY_COUNT": "1"}
    with ScaledStack(port=find_free_port(), settings=settings, workers=1) as stack:
        stack.manage("shell", "-c", SEED)
        with Proxy(list(stack.web_ports), https_port=https_port) as proxy:
            load = Load(stack, proxy)
            thread = threading.Thread(target=load.run)
            thread.start()
            try:
                time.sleep(2)
                for name in WEBS * rounds:
                    with proxy.without("web-1" if name == "web" else "web-2"):
                        stack.restart(name)
                time.sleep(2)
            finally:
                load.stopped.set()
                thread.join()
    return load.seen


def main():
    parser = argparse.ArgumentParser(prog="make rolling")
    parser.add_argument("--rounds", type=int, default=5)
    seen = measure(parser.parse_args().rounds)
    print(seen.tell())
    for failure in seen.failures[:20]:
        print(failure)
    sys.exit(bool(seen.failures))


if __name__ == "__main__":
    main()
