"""What a browser calls itself, in words that its owner knows it by."""

import re

from accounts import limits
from mumaris.origin import current_origin

# In this order: nearly every browser also claims to be one further down.
BROWSERS = [
    ("Edge", r"Edg(e|A|iOS)?/"), ("Samsung Internet", r"SamsungBrowser/"), ("Opera", r"OPR/|Opera"),
    ("Firefox", r"Firefox/|FxiOS/"), ("Chrome", r"Chrome/|CriOS/|Chromium/"), ("Safari", r"Safari/"),
]  # fmt: skip
SYSTEMS = [
    ("iPhone", r"iPhone"), ("iPad", r"iPad"), ("Android", r"Android"), ("Windows", r"Windows"),
    ("macOS", r"Macintosh"), ("ChromeOS", r"CrOS"), ("Linux", r"Linux|X11"),
]  # fmt: skip
# No browser's own name is longer; the rest is noise, or an attack on whoever reads it.
AGENT_LENGTH = 512


def name_device(agent: str) -> str:
    """Return "Chrome, Android" for a User-Agent, or an empty string where it names nothing that we know."""
    agent = agent[:AGENT_LENGTH]
    found = (next((name for name, sign in signs if re.search(sign, agent)), "") for signs in (BROWSERS, SYSTEMS))
    return ", ".join(filter(None, found))


def read_source() -> tuple[str | None, str]:
    """Return the network address and the device of the request that is being answered; neither in a task."""
    request = current_origin().request
    if request is None:
        return None, ""
    return limits.client_ip(request), name_device(request.headers.get("User-Agent", ""))
