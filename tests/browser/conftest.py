"""Real Chromium against the running stack: one stack and one browser a session, one visitor a page.

Every page that ``open_page`` makes is a new visitor: a fresh context with an X-Forwarded-For of its own,
so that no limit by address is shared. Console errors, script errors and requests to another origin are
collected in ``problems`` and fail the test at its end; a test that provokes one removes it there.
"""

import itertools
import json
import os
from importlib.resources import files
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

from mumaris import keys
from tests import servers
from tests.stack import Stack

# (language, width, JavaScript): phone and desktop, both languages, each with a visitor whose scripts do not run.
VARIANTS = [("ar", 390, True), ("en", 1280, True), ("ar", 1280, False), ("en", 390, False)]
HEIGHTS = {390: 844, 1280: 800}
LOCALES = {"ar": "ar-SA", "en": "en-GB"}
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
addresses = (f"10.{n // 65536 % 256}.{n // 256 % 256}.{n % 256}" for n in itertools.count(1))


def pytest_collection_modifyitems(items):
    """One stack for all of them where pytest-xdist runs with ``--dist loadgroup``."""
    for item in items:
        if item.path.parent == servers.ROOT / "tests" / "browser":
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def stack():
    with Stack(port=servers.find_free_port()) as running:
        yield running


@pytest.fixture(scope="session")
def browser():
    # Playwright leaves its event loop marked as running in this thread, and Django then refuses the database
    # to every later test of the session.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=servers.CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def problems():
    """What went wrong on any page of the test, in words; the test fails unless it ends empty."""
    seen: list[str] = []
    yield seen
    assert seen == []


@pytest.fixture
def open_page(browser, stack, problems):
    """Return ``open_page(language="ar", width=390, javascript=True, path=None, **context_options)``."""
    contexts = []

    def open_one(language="ar", width=390, javascript=True, path=None, **options):
        context = browser.new_context(
            base_url=stack.base_url,
            viewport={"width": width, "height": HEIGHTS.get(width, 900)},
            locale=LOCALES[language],
            java_script_enabled=javascript,
            extra_http_headers={"X-Forwarded-For": next(addresses)},
            **options,
        )
        contexts.append(context)
        page = context.new_page()
        _watch(page, stack.base_url, problems)
        if path is not None:
            page.goto(path)
        return page

    yield open_one
    for context in contexts:
        context.close()


def _watch(page, base_url: str, problems: list[str]):
    def note_console(message):
        if message.type in {"error", "warning"}:
            problems.append(f"console {message.type} at {urlsplit(page.url).path}: {message.text}")

    def note_request(request):
        if not request.url.startswith((f"{base_url}/", "data:", "blob:")):
            problems.append(f"request to another origin: {request.url}")

    page.on("console", note_console)
    page.on("pageerror", lambda error: problems.append(f"script error at {urlsplit(page.url).path}: {error}"))
    page.on("request", note_request)


@pytest.fixture(params=VARIANTS, ids=lambda v: f"{v[0]}-{v[1]}-{'js' if v[2] else 'nojs'}")
def variant(request):
    return request.param


@pytest.fixture
def language(variant):
    return variant[0]


@pytest.fixture
def page(variant, open_page):
    """A visitor in each of the four variants."""
    return open_page(*variant)


@pytest.fixture
def visual_code(stack):
    """Return ``visual_code(page)``: the digits of the picture in the page, read from its token with the stack's key."""

    def read(page) -> str:
        token = page.locator("input[name=captcha_token]").first.get_attribute("value")
        sealed = keys._box("captcha", (stack.env["DATA_KEY"],)).decrypt(token.encode())
        return json.loads(sealed)["digits"]

    return read


@pytest.fixture
def wait_for_mail(stack):
    """Return ``wait_for_mail(address, subject_part="", timeout=15, after=0)``: the newest such mail."""
    return stack.wait_for_mail


@pytest.fixture(scope="session")
def axe_source():
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def check_accessibility(axe_source):
    """Return ``check_accessibility(page)``: it fails on any violation and on anything axe could not decide.

    axe needs scripts of its own: it runs through the debugger, which the page's CSP does not concern,
    and so only on pages whose visitor has JavaScript.
    """

    def check(page, *, context: str | None = None):
        # axe reads backgrounds by elementsFromPoint, and cannot decide on a line that the window's edge cuts.
        page.wait_for_load_state()
        window = page.viewport_size
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": window["width"], "height": max(height, window["height"])})
        page.evaluate(axe_source)
        found = page.evaluate("(context) => axe.run(context || document, {resultTypes: ['violations', 'incomplete']})",
                              context)  # fmt: skip
        page.set_viewport_size(window)
        told = [
            f"{kind}: {rule['id']} ({rule['help']}) at {node['target']}: {node['failureSummary']}"
            for kind in ("violations", "incomplete")
            for rule in found[kind]
            for node in rule["nodes"]
        ]
        assert told == [], f"{page.url}\n" + "\n".join(told)

    return check
