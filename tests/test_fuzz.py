"""``make fuzz``: hostile submissions to every form that the resolver leads to; in the suite two hundred of them.

Limits stay on: each submission comes from an address of its own, and what it counted is undone with everything else
it wrote, after the database has been looked at. FUZZ_SUBMISSIONS and FUZZ_SEED say how many and which.
"""

import collections
import os
import random
import re
import secrets
from dataclasses import dataclass, field, replace
from urllib.parse import urljoin, urlsplit

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz import hostile
from tests.fuzz.invariants import broken_invariants, snapshot
from tests.fuzz.targets import BASE, Target, World, find_targets
from tests.journey import PASSWORD

SUBMISSIONS, SEED = int(os.environ.get("FUZZ_SUBMISSIONS", "200")), int(os.environ.get("FUZZ_SEED", "1"))
# A server that closes on purpose says when to come back.
# A draft keeps what was right of a page with errors, and its files: browsers do not send them twice.
KEPT = {"profiles_updaterequest", "profiles_memberfile"}
REFUSALS = {400, 401, 403, 404, 405, 411, 413, 415, 429}


@dataclass
class Tally:
    answers: collections.Counter = field(default_factory=collections.Counter)
    reached: set = field(default_factory=set)
    findings: dict = field(default_factory=dict)

    def find(self, kind: str, told: str, example: str):
        self.findings.setdefault((kind, told), example)


@dataclass
class Submission:
    target: Target
    method: str
    body: bytes
    content_type: str
    query: str
    headers: dict
    cookies: dict
    address: int

    def __str__(self):
        return (
            f"{self.target.actor} {self.method} {self.target.path}?{self.query[:150]} "
            f"{self.content_type} {self.headers} {self.cookies} {self.body[:400]!r}"
        )


# What is done to a form, drawn without knowing which: (way, place, value, another place, name of no field, how many).
WAYS = ["value"] * 8 + ["twice", "drop", "array", "extra", "extra", "megabyte", "many"]
MOVES = st.tuples(
    st.sampled_from(WAYS), st.integers(0, 999), hostile.values, st.integers(0, 999), st.sampled_from(hostile.EXTRA),
    st.sampled_from([50, 99, 101, 2000]), st.sampled_from(["[]", "[0]", ".x", "%00", " ", "\r\nX: y"]),
)  # fmt: skip
ATTACKS = st.fixed_dictionaries({
    "moves": st.lists(MOVES, min_size=1, max_size=3),
    "query": st.one_of(*[st.just("")] * 7, hostile.queries),
    "method": st.sampled_from([""] * 100 + hostile.METHODS),
    "body": st.sampled_from(["form"] * 12 + ["parts", "parts", "raw", "type"]),
    "raw": st.binary(max_size=300),
    "type": st.sampled_from(hostile.TYPES),
    "cut": st.sampled_from([None, None, None, -3, -20, 40]),
    "filename": st.sampled_from(hostile.FILE_NAMES),
    "headers": hostile.headers,
    "cookies": hostile.cookies,
    "address": st.integers(0, 2**24 - 1),
    "language": st.sampled_from(["ar", "en"]),
})  # fmt: skip


def make_submission(target: Target, attack: dict) -> Submission:
    target = replace(target, path=re.sub("^/(ar|en)/", f"/{attack['language']}/", target.path))
    pairs = [(name, hostile.quote(value.encode("utf-8", "surrogatepass"))) for name, value in target.fields.items()]
    for move in attack["moves"]:
        spoil(pairs, move)
    body, kind = encode(pairs, attack, multipart=target.multipart)
    method, query = attack["method"] or target.method.upper(), attack["query"]
    if method == "GET":
        query, body = f"{query}&{body[:5000].decode('latin-1')}" if kind.endswith("encoded") else query, b""
    return Submission(target, method, body, kind, query, attack["headers"], attack["cookies"], attack["address"])


def spoil(pairs: list[tuple[str, str]], move: tuple):
    """Replace, double, drop or rename a field, or add some."""
    way, place, value, other_place, extra, many, tail = move
    if not pairs:
        pairs.append(("x", "1"))
    place %= len(pairs)
    name, old = pairs[place]
    if way == "value":
        pairs[place] = (name, value)
    elif way == "twice":
        pairs.insert(other_place % len(pairs), (name, value))
    elif way == "drop":
        del pairs[place]
    elif way == "array":
        pairs[place] = (name + tail, old)
    elif way == "megabyte":
        pairs[place] = (name, hostile.MEGABYTE)
    else:
        pairs += [(extra, value)] if way == "extra" else [(f"x{number}", "1") for number in range(many)]


def encode(pairs: list, attack: dict, *, multipart: bool) -> tuple[bytes, str]:
    way = "parts" if multipart and attack["body"] == "form" and attack["address"] % 8 else attack["body"]
    if way == "form":
        return hostile.encode_form(pairs), "application/x-www-form-urlencoded"
    if way == "type":
        return hostile.encode_form(pairs), attack["type"]
    if way == "raw":
        return attack["raw"], "multipart/form-data; boundary=b"
    parts = [(name, hostile.unquote_to_bytes(value), file_name(name, attack)) for name, value in pairs]
    return hostile.encode_parts(parts, "b")[: attack["cut"]], "multipart/form-data; boundary=b"


def file_name(field_name: str, attack: dict) -> str:
    is_file = any(part in field_name for part in ("photo", "evidence", "file"))
    return attack["filename"] if is_file or not attack["address"] % 20 else ""


def post(world: World, one: Submission):
    client = world.clients[one.target.actor]
    number = one.address
    address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    more = {"HTTP_X_FORWARDED_FOR": address} | one.headers
    if one.cookies:
        kept = [f"{morsel.key}={morsel.value}" for morsel in client.cookies.values()]
        more["HTTP_COOKIE"] = "; ".join(kept + [f"{name}={value}" for name, value in one.cookies.items()])
    # As gunicorn hands it over: bytes read as Latin-1, and never NUL or the end of a line.
    more = {name: as_header(value) for name, value in more.items()}
    return client.generic(
        as_header(one.method), one.target.path, one.body, as_header(one.content_type), QUERY_STRING=one.query, **more
    )


def as_header(value: str) -> str:
    return re.sub("[\0\r\n]", "", value.encode("utf-8", "surrogatepass").decode("latin-1"))


def look_at(answer, one: Submission, before: dict, tally: Tally):
    """Note what no answer may be."""
    where = f"{one.target.actor} {one.method} {one.target.path}"
    if answer.status_code >= 500 and not (answer.status_code == 503 and "Retry-After" in answer.headers):
        kind, error, _traceback = getattr(answer, "exc_info", None) or (None, "", None)
        tally.find(f"{answer.status_code} {kind and kind.__name__}: {error}"[:150], where, str(one))
        return
    for told in broken_invariants():
        tally.find("half-written", told, str(one))
    page = "" if answer.streaming else answer.content.decode("utf-8", "replace")
    refused = answer.status_code in REFUSALS or 'class="summary-err' in page or 'class="errornote' in page
    kept = KEPT if "/profile/update/" in one.target.path else set()
    if refused and (changed := changed_tables(before) - kept):
        tally.find("refused, and written", f"{where} {answer.status_code}: {changed}", str(one))
    if "html" in answer.headers.get("Content-Type", "") and page:
        look_at_page(page, answer.status_code, one, tally)
    look_at_headers(answer.headers, where, one, tally)


def changed_tables(before: dict) -> set[str]:
    after = snapshot()
    return {name for name in after if after[name] != before[name]}


def look_at_headers(headers, where: str, one: Submission, tally: Tally):
    location = headers.get("Location", "")
    goal = urlsplit(urljoin(BASE + one.target.path, location))
    if goal.netloc not in {"testserver", "localhost:8000"} or "\\" in location:
        tally.find("leads elsewhere", f"{where} {location[:80]}", str(one))
    if "evil" in str({name: value for name, value in headers.items() if name != "Location"}):
        tally.find("header", where, str(one))


def look_at_page(page: str, status: int, one: Submission, tally: Tally):
    for markup in hostile.MARKUP:
        if markup in page:
            tally.find("markup in a page", f"{one.target.path} {markup}", str(one))
    prefix = re.match(r"/(ar|en)/", one.target.path)
    found = re.search(r'<html lang="(\w+)"\s+dir="(\w+)"', page)
    if not found or found.groups() not in {("ar", "rtl"), ("en", "ltr")}:
        tally.find("page without language", f"{one.target.path} {status}: {page[:80]}", str(one))
    elif prefix and prefix[1] != found[1]:
        tally.find("page in another language", f"{one.target.path} {status}", str(one))


def submit(world: World, one: Submission, before: dict, tally: Tally):
    cookies = {name: client.cookies.copy() for name, client in world.clients.items()}
    with transaction.atomic():
        answer = post(world, one)
        if not transaction.get_rollback():
            look_at(answer, one, before, tally)
        transaction.set_rollback(True)
    for name, client in world.clients.items():
        client.cookies = cookies[name]
    tally.answers[answer.status_code] += 1
    tally.reached.add(str(one.target))


def take_turns(targets: list[Target]):
    """Yield every form as often as every other; an address alone is what each eighth goes to."""
    choice = random.Random(SEED)
    forms, bare = ([t for t in targets if bool(t.fields) == wanted] for wanted in (True, False))
    while True:
        choice.shuffle(forms)
        for form in forms:
            yield form
            if choice.random() < 1 / 7:
                yield choice.choice(bare)


def print_table(targets: list[Target], tally: Tally):
    forms = sum(1 for target in targets if target.fields)
    print(
        f"\n{sum(tally.answers.values())} submissions, seed {SEED}, to {len(targets)} targets, {forms} of them forms;"
    )
    print(f"{len(tally.reached)} reached. Answers: {dict(sorted(tally.answers.items()))}")
    for (kind, told), example in sorted(tally.findings.items()):
        print(f"\nFOUND  {kind}\n  {told}\n  {example[:700]}")
    print(f"\n{len(tally.findings)} findings")


@pytest.mark.timeout(0)
def test_hostile_submissions_break_nothing(db, settings_of_proxy, capsys):
    from accounts.models import User

    root = User.objects.create_superuser("root@example.com", PASSWORD, first_name="Root", last_name="User")
    world = World(root)
    targets, tally = find_targets(world), Tally()
    assert broken_invariants() == []
    assert sum(1 for target in targets if target.fields) > 20, "the forms were not found"
    before, order = snapshot(), take_turns(targets)

    @seed(SEED)
    @settings(
        max_examples=SUBMISSIONS, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(ATTACKS)
    def attack_next(attack):
        submit(world, make_submission(next(order), attack), before, tally)

    attack_next()
    with capsys.disabled():
        if "FUZZ_SUBMISSIONS" in os.environ or tally.findings:
            print_table(targets, tally)
    assert snapshot() == before
    assert not tally.findings


@pytest.fixture
def settings_of_proxy(settings):
    """One proxy stands in front, so that each submission may come from an address of its own."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = settings.TRUSTED_PROXY_COUNT = 1


def test_fuzz_notices_what_is_broken(db, member):
    """The net itself: an invariant, a refusal that writes, a page with markup."""
    from accounts.models import SignInName

    before = snapshot()
    SignInName.objects.filter(user=member).delete()
    assert "a user without its sign-in name" in broken_invariants()[0]
    assert snapshot() != before
    tally = Tally()
    one = Submission(Target("visitor", "/ar/"), "POST", b"", "", "", {}, {}, 0)
    look_at_page(f'<html lang="en" dir="ltr">{hostile.SCRIPT}', 200, one, tally)
    assert {kind for kind, _told in tally.findings} == {"markup in a page", "page in another language"}
    assert secrets.token_hex(8) not in str(before)
