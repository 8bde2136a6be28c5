"""How settings are read that need more than a type: secrets, and patterns that operators write."""

import hashlib
import ipaddress
import re

from environs import Env, EnvError, ValidationError

MIN_LENGTH = 32


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
