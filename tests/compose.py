"""What docker-compose.yml gives each service, worked out without Docker: files and addresses as a process sees them.

``python -m tests.compose`` runs the deployment checks of every service of ours with exactly that.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from tests.servers import ROOT

# What an operator fills in; .env.example names the rest.
FILLED_IN = {"BASE_URL": "https://portal.example", "DEFAULT_FROM_EMAIL": "no-reply@portal.example"}
MAIL_SERVER = "smtp://mailpit:1025"
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::([-?])([^}]*))?\}")


def read_env_file() -> dict[str, str]:
    """Return .env.example as filled in; raises ValueError for a line that asks for something else."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if re.match(r"[A-Z]", line))
    if set(given) != set(FILLED_IN):
        raise ValueError(f".env.example asks for {sorted(given)}: fill them in in tests/compose.py")
    return FILLED_IN


def fill_in(text: str, values: dict[str, str]) -> str:
    """Put values in place of ``${NAME}`` as Docker does. Raises KeyError for a needed one that is missing."""

    def put(found: re.Match) -> str:
        name, kind, default = found.groups()
        return values.get(name) or (default if kind == "-" else values[name])

    return VARIABLE.sub(put, text)


def make_secrets(folder: Path) -> Path:
    """Make the secrets as an operator does."""
    host = FILLED_IN["BASE_URL"].removeprefix("https://")
    subprocess.run(
        [ROOT / "deploy" / "make-secrets", host],
        env={"PATH": os.environ["PATH"], "SECRETS_DIR": str(folder)}, check=True, capture_output=True,
    )  # fmt: skip
    (folder / "email_url").write_text(f"{MAIL_SERVER}\n")
    return folder


def read_services(secrets: Path) -> dict[str, dict]:
    """Return the services of docker-compose.yml with every variable filled in."""
    values = read_env_file() | {"SECRETS_DIR": str(secrets)}
    text = "\n".join(line for line in (ROOT / "docker-compose.yml").read_text().splitlines() if line.strip()[:1] != "#")
    return yaml.safe_load(fill_in(text, values))["services"]


def settings_of(service: dict, secrets: Path, var: Path) -> dict[str, str]:
    """Return the environment of a service of ours, its secrets where they lie here."""
    given = {name: value.replace("/run/secrets", str(secrets)) for name, value in service["environment"].items()}
    return read_env_file() | given | {"VAR_DIR": str(var)}


def main():
    with tempfile.TemporaryDirectory() as folder:
        secrets = make_secrets(Path(folder) / "secrets")
        alike: dict[str, dict] = {}
        for name, service in read_services(secrets).items():
            if "build" in service:
                settings = settings_of(service, secrets, Path(folder) / "var")
                alike.setdefault(str(settings), settings | {"names": []})["names"].append(name)
        for settings in alike.values():
            print(f"{', '.join(settings.pop('names'))}: ", end="", flush=True)
            subprocess.run(
                [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
                cwd=ROOT, env={"PATH": os.environ["PATH"], **settings}, check=True,
            )  # fmt: skip


if __name__ == "__main__":
    main()
