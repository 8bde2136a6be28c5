"""The tokens of the captchas: encrypted challenges and passes, the hash puzzle over them, and spending them once.

A token needs no store until it has been answered rightly: it works on every process, with Redis away.
"""

import base64
import hashlib
import json
import re
import secrets
import time
from itertools import count

from cryptography.fernet import InvalidToken

from accounts.spent_tokens import spend_once
from mumaris.keys import box

# Seconds. The robot check stands in long forms that people fill in slowly.
LIFETIMES = {"visual": 10 * 60, "robot": 2 * 3600, "pass": 15 * 60}
PUZZLE_BITS = {"visual": 17, "robot": 16}


# Whole groups of four, at most 1000 characters.
SPELLING = re.compile(r"(?:[A-Za-z0-9_-]{4}){1,249}(?:[A-Za-z0-9_-]{2}==|[A-Za-z0-9_-]{3}=)?")


class ExpiredTokenError(ValueError):
    """The token was made by us and is older than its role allows."""


def make_token(role: str, form: str, **more: str) -> str:
    """Return an encrypted token, safe in URLs, that says what it is for; its nonce makes it single."""
    payload = {"role": role, "form": form, "nonce": secrets.token_urlsafe(9), **more}
    return box("captcha").encrypt(json.dumps(payload, separators=(",", ":")).encode()).decode()


def read_token(token: str) -> dict:
    """Return role, form, nonce, age (seconds) and, of a visual code, its digits.

    Raises ExpiredTokenError, or ValueError for what we did not make.
    """
    if not SPELLING.fullmatch(token) or base64.urlsafe_b64encode(base64.urlsafe_b64decode(token)).decode() != token:
        # Base64 decoding skips foreign characters, but the puzzle is over the text as posted.
        raise ValueError("not as we spell it")
    try:
        stamp = box("captcha").extract_timestamp(token)
        payload = json.loads(box("captcha").decrypt(token))
    except InvalidToken as error:
        raise ValueError("not our token") from error
    age = time.time() - stamp
    if age > LIFETIMES[payload["role"]]:
        raise ExpiredTokenError
    return payload | {"age": age}


def read_token_of(form: str, role: str, token: str) -> dict:
    """Return what ``read_token`` does. Raises ValueError also for a token of another form or role."""
    payload = read_token(token)
    if (payload["form"], payload["role"]) != (form, role):
        raise ValueError("a token of another form")
    return payload


def spend_token(payload: dict) -> bool:
    """Spend a token by its nonce: base64 has several spellings of one token."""
    return spend_once(f"{payload['role']} {payload['nonce']}", LIFETIMES[payload["role"]])


def is_puzzle_solved(role: str, token: str, work: str) -> bool:
    """Tell whether SHA-256 over the token's end and ``work`` begins with as many zero bits as the role asks."""
    is_number = work.isascii() and work.isdigit() and len(work) <= 15
    return is_number and _begins_with_zeros(token, work, PUZZLE_BITS[role])


def solve_puzzle(token: str) -> str:
    """Return the work for a token, as static/js/captcha.js does (for tests and load drivers)."""
    bits = PUZZLE_BITS[read_token(token)["role"]]
    return next(str(n) for n in count() if _begins_with_zeros(token, str(n), bits))


def _begins_with_zeros(token: str, work: str, bits: int) -> bool:
    # The last 40 characters are the token's MAC, new for each; with the work they fit one block of SHA-256.
    first = hashlib.sha256((token[-40:] + work).encode()).digest()[:4]
    return int.from_bytes(first) >> (32 - bits) == 0
