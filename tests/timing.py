"""``make timing``: what a sign-in costs over one hash, and whether time tells a known address from another.

Drives the running stack over HTTP. Each kind of answer is measured in turn with the others and with
one verification by argon2-cffi at the same parameters, so that a noisy moment falls on all alike.
The web processes hash on huge pages (GLIBC_TUNABLES), which a plain program does not: both are shown.
"""

import argparse
import http.client
import itertools
import os
import re
import statistics
import subprocess
import sys
import time
from collections import deque
from html import unescape
from urllib.parse import urlencode, urlsplit

from accounts.passwords import NormalisedArgon2Hasher as Ours
from mumaris import keys
from tests.servers import find_free_port
from tests.stack import Stack

TRIES = 40
ALONE = "argon2-cffi alone"
PASSWORD, WRONG = "Sunlit-Wadi7", "Wrong-Password1"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SEED = f"""
from django.contrib.auth.hashers import make_password
from accounts.models import PendingRegistration, User
for name in ("known", "right", "disabled"):
    User.objects.create_user(f"{{name}}@example.com", {PASSWORD!r}, first_name="A", last_name="B")
User.objects.filter(email="disabled@example.com").update(is_active=False)
User.objects.create_user("file@example.com", None, first_name="A", last_name="B")
PendingRegistration.objects.create(address="pending@example.com", visitor="x", first_name="A", last_name="B",
    password=make_password({PASSWORD!r}), language="ar")
"""
SEED_FORGOTS = f"""
from accounts.models import SignInName, User
names = [f"known{{n}}@example.com" for n in range({TRIES})]
users = User.objects.bulk_create(User(email=name, first_name="A", last_name="B") for name in names)
SignInName.objects.bulk_create(SignInName(value=user.email, user=user) for user in users)
"""
# kind → what is posted
SIGN_INS = {
    "known, wrong password": {"login": "known@example.com", "password": WRONG},
    "known, right password": {"login": "right@example.com", "password": PASSWORD},
    "unknown": {"login": "nobody@example.com", "password": WRONG},
    "pending": {"login": "pending@example.com", "password": WRONG},
    "disabled": {"login": "disabled@example.com", "password": WRONG},
    "file, never activated": {"login": "file@example.com", "password": WRONG},
}
FORGOTS = {"known": "known{n}@example.com", "unknown": "nobody{n}@example.com"}
SEED_CLAIMS = f"""
from tests.registry import make_registry_member
from accounts.models import User
for number in range({TRIES}):
    User.objects.create_user(f"claimant{{number}}@example.com", {PASSWORD!r}, first_name="A", last_name="B")
print(make_registry_member().membership_number)
"""
NAMES = {"first_name": "Nora", "last_name": "Otaibi", "password1": PASSWORD, "password2": PASSWORD, "terms": "on"}
addresses = (f"10.{n // 65536 % 256}.{n // 256 % 256}.{n % 256}" for n in itertools.count(1, 256))


class Visitor:
    """A browser without scripts: one connection, its own cookies and its own network."""

    def __init__(self, stack: Stack):
        self.stack = stack
        self.connection = http.client.HTTPConnection("localhost", urlsplit(stack.base_url).port)
        self.headers = {"X-Forwarded-For": next(addresses)}
        self.cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, fields: dict | None = None) -> tuple[int, str]:
        return self.exchange(self.connection, method, path, fields)

    def exchange(self, connection, method: str, path: str, fields: dict | None) -> tuple[int, str]:
        body = urlencode(fields) if fields else None
        connection.request(method, path, body, self.headers | (FORM if fields else {}))
        response = connection.getresponse()
        content = response.read().decode()
        self.location = response.headers.get("Location", "")
        for line in response.headers.get_all("Set-Cookie", []):
            self.cookies |= re.findall(r"^([^=]+)=([^;]*)", line)
        self.headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return response.status, content

    def hidden(self, content: str, name: str) -> str:
        return unescape(re.search(rf'name="{name}"[^>]*value="([^"]*)"', content)[1])

    def time_post(self, path: str, fields: dict, solve=None) -> float:
        """Open the page, post the form, and return the post's milliseconds."""
        _status, content = self.ask("GET", path)
        fields = fields | {"csrfmiddlewaretoken": self.hidden(content, "csrfmiddlewaretoken")}
        if solve:
            token = self.hidden(content, "captcha_token")
            fields |= {"captcha_token": token} | solve(token)
        start = time.perf_counter()
        status, _content = self.ask("POST", path, fields)
        spent = (time.perf_counter() - start) * 1000
        if status not in {200, 302}:
            raise SystemExit(f"{path} answered {status}")
        return spent


def open_token(stack: Stack, token: str) -> dict:
    import json

    former = stack.env.get("DATA_KEY_FALLBACKS", "").split(",")
    return json.loads(keys._box("captcha", (stack.env["DATA_KEY"], *filter(None, former))).decrypt(token))


class HashAlone:
    """A program that does nothing but verify a password, when it is asked to."""

    CODE = """
import sys, time, argon2
hasher = argon2.PasswordHasher(*map(int, sys.argv[1:4]))
encoded = hasher.hash(sys.argv[4])
for _ in sys.stdin:
    start = time.perf_counter()
    hasher.verify(encoded, sys.argv[4])
    print((time.perf_counter() - start) * 1000, flush=True)
"""

    def __init__(self, tunables: str):
        parameters = [str(value) for value in (Ours.time_cost, Ours.memory_cost, Ours.parallelism)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.CODE, *parameters, PASSWORD],
            env=os.environ | {"GLIBC_TUNABLES": tunables},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip

    def time_one(self) -> float:
        """Return the milliseconds of one verification."""
        self.process.stdin.write("once\n")
        return float(self.process.stdout.readline())


def measure_sign_ins(stack: Stack) -> dict[str, list[float]]:
    alone = {ALONE: HashAlone(""), f"{ALONE}, huge pages": HashAlone(stack.env["GLIBC_TUNABLES"])}
    times: dict[str, list[float]] = {kind: [] for kind in (*alone, *SIGN_INS)}
    read = lambda token: {"captcha": open_token(stack, token)["digits"]}  # noqa: E731
    kinds = deque(SIGN_INS.items())
    for _ in range(TRIES):
        for kind, program in alone.items():
            times[kind].append(program.time_one())
        # Each kind follows each other equally often: the mail about a new device is sent while the next is measured.
        kinds.rotate()
        for kind, fields in kinds:
            times[kind].append(Visitor(stack).time_post("/ar/accounts/login/", fields, read))
    for program in alone.values():
        program.process.communicate()
    return times


def tick(token: str) -> dict:
    return {"captcha": "on", "captcha_work": solve_puzzle(token)}


def measure_forgots(stack: Stack) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {kind: [] for kind in FORGOTS}
    for number in range(TRIES):
        for kind, address in FORGOTS.items():
            fields = {"email": address.format(n=number)}
            times[kind].append(Visitor(stack).time_post("/ar/accounts/password/reset/", fields, tick))
    return times


def measure_sign_ups(stack: Stack) -> tuple[dict, dict]:
    """Return the times of the registration form and of a wish for a new code on the page behind it."""
    sign_ups, resends = ({kind: [] for kind in FORGOTS} for _ in range(2))
    for number in range(TRIES):
        for kind, address in FORGOTS.items():
            visitor, email = Visitor(stack), address.format(n=number)
            visitor.time_post("/ar/accounts/declaration/", {"declaration": "on"})
            fields = NAMES | {"email": email, "email2": email}
            sign_ups[kind].append(visitor.time_post("/ar/accounts/signup/", fields, tick))
            resends[kind].append(visitor.time_post("/ar/accounts/confirm-email/", {"action": "resend"}))
    return sign_ups, resends


def measure_claims(stack: Stack, known: str) -> dict[str, list[float]]:
    """A member file that is there, claimed with another's identity, and one that is not."""
    numbers = {"known": known, "unknown": "9" * len(known)}
    times: dict[str, list[float]] = {kind: [] for kind in numbers}
    read = lambda token: {"captcha": open_token(stack, token)["digits"]}  # noqa: E731
    proof = {"identity_number": "1000000495", "birth_date": "15/07/1405", "calendar": "hijri"}
    for number in range(TRIES):
        visitor = Visitor(stack)
        fields = {"login": f"claimant{number}@example.com", "password": PASSWORD}
        visitor.time_post("/ar/accounts/login/", fields, read)
        # Each goes first half of the times: a second post of one session costs otherwise than its first.
        for kind in sorted(numbers, reverse=bool(number % 2)):
            fields = proof | {"membership_number": numbers[kind]}
            times[kind].append(visitor.time_post("/ar/profile/claim/", fields))
    return times


def solve_puzzle(token: str) -> str:
    """Return the robot check's work, as the page's script finds it."""
    import hashlib

    tail = token[-40:]
    return next(
        str(n)
        for n in itertools.count()
        if int.from_bytes(hashlib.sha256(f"{tail}{n}".encode()).digest()[:4]) >> 16 == 0
    )


def print_table(title: str, times: dict[str, list[float]], reference: str) -> dict[str, float]:
    medians = {kind: statistics.median(values) for kind, values in times.items()}
    print(f"\n{title} (medians of {TRIES} interleaved tries)")
    for kind, median in medians.items():
        low = sorted(times[kind])[TRIES // 10]
        print(f"  {kind:<30} {median:8.1f} ms   p10 {low:8.1f}   ×{median / medians[reference]:.2f} of {reference}")
    return medians


def judge(medians: dict[str, float], base: str, hash_time: float | None) -> list[str]:
    """Return the budgets that do not hold, in words."""
    faults = []
    for kind, median in medians.items():
        apart = abs(median - medians[base])
        if not kind.startswith(ALONE) and apart > 15 and apart > 0.10 * medians[base]:
            faults.append(f"{kind}: {apart:.1f} ms from {base}")
    if hash_time and medians[base] > 1.10 * hash_time:
        faults.append(f"{base}: ×{medians[base] / hash_time:.3f} of one verification, budget 1.10")
    return faults


def main():
    argparse.ArgumentParser(prog="make timing", description=__doc__).parse_args()
    with Stack(port=find_free_port()) as stack:
        stack.manage("shell", "-c", SEED)
        for _ in range(6):
            Visitor(stack).ask("GET", "/ar/accounts/login/")
        sign_ins = print_table("Sign-in POST", measure_sign_ins(stack), ALONE)
        stack.manage("shell", "-c", SEED_FORGOTS)
        flows = {"Forgot password": measure_forgots(stack)}
        flows["Sign-up"], flows["New code"] = measure_sign_ups(stack)
        known = stack.manage("shell", "-v", "0", "-c", SEED_CLAIMS).stdout.split()[-1]
        flows["Claim"] = measure_claims(stack, known)
        medians = {name: print_table(f"{name} POST", times, "known") for name, times in flows.items()}
    faults = judge(sign_ins, "unknown", sign_ins[ALONE])
    faults += [f"{name}: {fault}" for name, found in medians.items() for fault in judge(found, "known", None)]
    print("\n" + ("\n".join(faults) if faults else "Every budget holds."))
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
