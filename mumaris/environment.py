"""How a secret is read: required in production, derived from the machine in a local run."""

import hashlib

from environs import Env, EnvError

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
