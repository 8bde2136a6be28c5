"""How settings are read that need more than a type: secrets, and patterns that operators write."""

import hashlib
import ipaddress
import os
import re
from pathlib import Path

from environs import Env, EnvError, ValidationError

MIN_LENGTH = 32
KEYS = ("SECRET_KEY", "CODE_KEY", "DATA_KEY")
# Empty where no former key is good: the file is there so that a rotation needs no other compose file.
FALLBACKS = tuple(f"{name}_FALLBACKS" for name in KEYS)
# What may lie in a file, as Docker hands secrets over: NAME_FILE names it.
SECRETS = (
    *KEYS, *FALLBACKS, "DATABASE_URL", "DATABASE_URL_KEEPER", "POSTGRES_PASSWORD", "KEEPER_PASSWORD",
    "REDIS_URL", "FILES_URL", "EMAIL_URL", "RECAPTCHA_PRIVATE_KEY",
)  # fmt: skip


def read_environment() -> Env:
    """Return the environment with what its ``NAME_FILE`` settings hold as ``NAME``.

    Raises EnvError, which names the setting and never a content, when both are given or a file cannot serve.
    """
    for name in SECRETS:
        if file := os.environ.pop(f"{name}_FILE", ""):
            if os.environ.get(name):
                raise EnvError(f'Environment variables "{name}" and "{name}_FILE" are both set: give one of them')
            os.environ[name] = read_secret(f"{name}_FILE", file, may_be_empty=name in FALLBACKS)
    return Env()


def read_secret(name: str, file: str, *, may_be_empty: bool = False) -> str:
    """Return the text of a secret's file without the line break at its end. Raises EnvError."""
    try:
        value = Path(file).read_text().rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise EnvError(f'Environment variable "{name}" names {file}, which cannot be read: {reason}') from None
    if not value.strip() and not may_be_empty:
        raise EnvError(f'Environment variable "{name}" names {file}, which is empty')
    return value


def fill_password(database: dict, password: str) -> dict:
    """Return a database with ``password`` where its URL holds none: it need not be fit for a URL then."""
    return database | {"PASSWORD": database.get("PASSWORD") or password}


def secret_or_local(env: Env, name: str, debug: bool) -> str:
    """Return the secret ``name``; a local run (``DEBUG=1``) may leave it out.

    Raises EnvError, which names the setting, when it is missing or shorter than 32 characters.
    """
    if debug and not env.str(name, ""):
        return hashlib.sha256(f"local run only: {name}".encode()).hexdigest()
    value = env.str(name)
    if len(value) < MIN_LENGTH:
        raise EnvError(f'Environment variable "{name}" must have at least {MIN_LENGTH} characters')
    return value


def refuse_bad_pattern(pattern: str) -> None:
    """Raise ValidationError, which environs tells with the name of the setting, for what is no regular expression."""
    try:
        matches_nothing = re.compile(pattern, re.ASCII).fullmatch("") is not None
    except re.error as error:
        raise ValidationError(f"must be a regular expression: {error}") from error
    if matches_nothing:
        raise ValidationError("must be a regular expression that an empty text does not match")


def refuse_public_address(address: str) -> None:
    """Raise ValidationError for what is no address of a network of one's own."""
    try:
        is_public = ipaddress.ip_address(address).is_global
    except ValueError:
        raise ValidationError("must be an IP address") from None
    if is_public:
        raise ValidationError("must not be a public address: what is told there is for the operators alone")
