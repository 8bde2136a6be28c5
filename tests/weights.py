"""``python -m tests.weights``: what the pages weigh on the wire, first visit and repeat view, measured in Chromium.

Bytes are those that the server sent, headers included, as the browser's network log counts them.
"""

import os
from dataclasses import dataclass, field

from playwright.sync_api import Browser, sync_playwright

from tests.servers import CHROMIUM, find_free_port
from tests.stack import Stack

PAGES = ("ar/accounts/login/", "en/accounts/login/", "ar/accounts/signup/")
REQUESTS, WITH_FONTS, WITHOUT_FONTS, REPEAT = 12, 180_000, 40_000, 15_000


@dataclass
class Weight:
    """One view of one page: its requests over the network, and their bytes."""

    requests: list[str] = field(default_factory=list)
    fonts: int = 0
    others: int = 0

    @property
    def total(self) -> int:
        return self.fonts + self.others


def watch(page) -> Weight:
    """Count everything that this page asks of the network from now on."""
    weight, kinds, cached = Weight(), {}, set()
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")

    def note_answer(event):
        kinds[event["requestId"]] = event["type"]
        if event["response"].get("fromDiskCache"):
            cached.add(event["requestId"])
        else:
            weight.requests.append(event["response"]["url"])

    def note_end(event):
        if event["requestId"] in cached:
            return
        if kinds.get(event["requestId"]) == "Font":
            weight.fonts += event["encodedDataLength"]
        else:
            weight.others += event["encodedDataLength"]

    network.on("Network.requestServedFromCache", lambda event: cached.add(event["requestId"]))
    network.on("Network.responseReceived", note_answer)
    network.on("Network.loadingFinished", note_end)
    return weight


def weigh(browser: Browser, base_url: str, path: str) -> tuple[Weight, Weight]:
    """Return first visit and repeat view of a page by a new visitor; registration is opened by its declaration."""
    context = browser.new_context(base_url=base_url, extra_http_headers={"X-Forwarded-For": "10.200.0.1"})
    try:
        if "signup" in path:
            _accept_declaration(context, path)
        return _visit(context, path), _visit(context, path)
    finally:
        context.close()


def _visit(context, path: str) -> Weight:
    page = context.new_page()
    weight = watch(page)
    page.goto(f"/{path}", wait_until="networkidle")
    page.close()
    return weight


def _accept_declaration(context, path: str):
    """Without the page that most people come from, so that nothing of it lies in the cache."""
    address = f"/{path.partition('/')[0]}/accounts/declaration/"
    page = context.new_page()
    page.route("**/static/**", lambda route: route.abort())
    page.goto(address)
    page.locator("[name=declaration]").check()
    page.locator("main form .btn").click()
    page.wait_for_url(f"**/{path}")
    page.close()


def measure(browser: Browser, base_url: str) -> dict[str, tuple[Weight, Weight]]:
    return {path: weigh(browser, base_url, path) for path in PAGES}


def write_table(weights: dict[str, tuple[Weight, Weight]]) -> str:
    lines = [f"{'page':24}{'requests':>9}{'all':>10}{'fonts':>10}{'others':>10}{'repeat view':>14}"]
    lines += [
        f"{path:24}{len(first.requests):>9}{first.total:>10,}{first.fonts:>10,}{first.others:>10,}{repeat.total:>14,}"
        for path, (first, repeat) in weights.items()
    ]
    return "\n".join(
        [*lines, f"{'sign-in at most':24}{REQUESTS:>9}{WITH_FONTS:>10,}{'':>10}{WITHOUT_FONTS:>10,}{REPEAT:>14,}"]
    )


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mumaris.settings")
    with Stack(port=find_free_port()) as stack, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        print(write_table(measure(browser, stack.base_url)))
        browser.close()


if __name__ == "__main__":
    main()
