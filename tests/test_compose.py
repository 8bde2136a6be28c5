"""Every reference in the container files leads somewhere: no engine is needed to see it."""

import ast
import re
import shlex
from ipaddress import ip_address, ip_network

import pytest
import yaml
from django.core.management import get_commands

from mumaris.environment import SECRETS as SECRET_SETTINGS
from tests.servers import ROOT

SECRETS = set(SECRET_SETTINGS)
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
IMAGE_COMMAND = next(yaml.safe_load(line.removeprefix("CMD ")) for line in DOCKERFILE if line.startswith("CMD "))
DOCUMENTED = set(re.findall(r"^(?:# )?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)
# Read by the settings but not by an operator: the image sets the first, production never the second.
NOT_FOR_OPERATORS = {"VAR_DIR", "DEBUG"}


def read_setting_names(*, without_default: bool) -> set[str]:
    """Names that settings.py asks for, as ``env.kind("NAME", …)`` or ``secret_or_local(env, "NAME", …)``."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / "mumaris" / "settings.py").read_text())):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id == "secret_or_local":
            names.add(node.args[1].value)
        elif isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "env":
            has_default = len(node.args) > 1
            if not (without_default and has_default):
                names.add(node.args[0].value)
    return names


def split_volume(volume: str) -> str:
    return volume.partition(":")[0]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_service_references_exist(name):
    service = SERVICES[name]

    assert set(service.get("depends_on", {})) <= set(SERVICES)
    assert set(service.get("networks", [])) <= set(COMPOSE["networks"])
    assert {split_volume(volume) for volume in service.get("volumes", [])} <= set(COMPOSE["volumes"])
    assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
    assert {config["source"] for config in service.get("configs", [])} <= set(COMPOSE["configs"])
    assert service.get("build", ".") == "."
    assert "image" in service


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_healthy_dependencies_have_a_health_check(name):
    for other, how in SERVICES[name].get("depends_on", {}).items():
        if how["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other], f"{name} waits for the health of {other}, which tells none"
        if how["condition"] == "service_completed_successfully":
            assert SERVICES[other]["restart"] == "no", f"{other} would be started again when it has completed"


def test_all_named_networks_and_volumes_are_used():
    assert {name for service in SERVICES.values() for name in service["networks"]} == set(COMPOSE["networks"])
    used = {split_volume(volume) for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert used == set(COMPOSE["volumes"])
    assert {name for service in SERVICES.values() for name in service.get("secrets", [])} == set(COMPOSE["secrets"])
    shown = {config["source"] for service in SERVICES.values() for config in service.get("configs", [])}
    assert shown == set(COMPOSE["configs"])
    assert [config["file"] for config in COMPOSE["configs"].values() if not (ROOT / config["file"]).is_file()] == []


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_service_is_bounded_and_tells_its_health(name):
    service = SERVICES[name]

    assert {"mem_limit", "pids_limit", "cpus"} <= set(service)
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "healthcheck" in service
    # What ends by itself is waited for, not asked.
    assert service["healthcheck"].get("disable", False) == (name == "migrate")
    # The image of the portal names its user itself; so does Mailpit's, for a trial alone.
    assert "user" in service or name in {*OURS, "mailpit"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_secrets_come_as_files_and_only_to_those_who_read_them(name):
    service = SERVICES[name]
    given = {value.removeprefix("/run/secrets/") for key, value in service.get("environment", {}).items()
             if key.endswith("_FILE")}  # fmt: skip
    in_files = {"proxy": {"tls_certificate", "tls_key"}, "postgres": {"app_password", "keeper_password"}}

    assert given | in_files.get(name, set()) == set(service.get("secrets", []))
    assert [key for key in service.get("environment", {}) if key in SECRETS - {"DATABASE_URL", "DATABASE_URL_KEEPER"}
            and key not in {"REDIS_URL", "FILES_URL"}] == []  # fmt: skip


def test_owner_and_keeper_lend_their_passwords_to_one_service_each():
    holders = {secret: {name for name, service in SERVICES.items() if secret in service.get("secrets", [])}
               for secret in ("postgres_password", "keeper_password", "tls_key")}  # fmt: skip

    assert holders == {
        "postgres_password": {"migrate", "postgres"},
        "keeper_password": {"worker", "postgres"},
        "tls_key": {"proxy"},
    }


@pytest.mark.parametrize("name", OURS)
def test_commands_exist(name):
    program, *arguments = SERVICES[name].get("command", IMAGE_COMMAND)

    match program:
        case "gunicorn":
            assert arguments[-1] == "mumaris.wsgi"
            assert arguments[arguments.index("-c") + 1] == "python:mumaris.gunicorn"
            assert (ROOT / "mumaris" / "wsgi.py").exists()
            assert (ROOT / "mumaris" / "gunicorn.py").exists()
        case "celery":
            assert arguments[:2] == ["-A", "mumaris"]
            assert arguments[2] in {"worker", "beat"}
        case "sh":
            commands = [shlex.split(part) for part in arguments[1].split("&&")]
            assert [part[:2] for part in commands] == [["python", "manage.py"]] * len(commands)
            assert {part[2] for part in commands} <= set(get_commands())
        case "python":
            assert arguments[0] == "manage.py"
            assert arguments[1] in get_commands()
        case _:
            pytest.fail(f"nobody knows whether {program} is in the image")


def test_files_lie_in_one_volume_of_all_that_touch_them():
    """Web keeps and shows them, the worker deletes them, beat may do both; nobody else sees them."""
    holding = {name for name, service in SERVICES.items() if "files:/srv/files" in service.get("volumes", [])}

    # The migration's checks look at the folder, and no more.
    assert holding == {"web-1", "web-2", "worker", "beat", "migrate"}
    assert COMPOSE["x-app"]["environment"]["FILES_URL"] == "${FILES_URL:-file:///srv/files}"
    # A volume takes the owner of the folder in the image.
    assert any("--owner mumaris --mode 700 /srv/files" in line for line in DOCKERFILE)


def test_variables_are_documented():
    variables = set(re.findall(r"\$\{([A-Z_]+)", TEXT))

    assert variables <= DOCUMENTED, "add them to .env.example"


def test_settings_are_documented():
    missing = read_setting_names(without_default=False) - NOT_FOR_OPERATORS - DOCUMENTED

    assert missing == set(), "add them to .env.example"


@pytest.mark.parametrize("name", OURS)
def test_settings_without_default_are_given(name):
    given = {key.removesuffix("_FILE") for key in SERVICES[name]["environment"]}
    missing = read_setting_names(without_default=True) - given

    assert missing == set(), "add them to x-app in docker-compose.yml"


def test_example_holds_no_secret():
    lines = (ROOT / ".env.example").read_text().splitlines()

    assert [line for line in lines if re.match(r"(# )?\w*(KEY|KEY_FALLBACKS|PASSWORD)=.+", line)] == []


def test_only_the_proxy_is_open_to_others():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert set(published) == {"proxy", "mailpit"}
    assert all(port.startswith("127.0.0.1:") for port in published["mailpit"])
    assert SERVICES["mailpit"]["profiles"] == ["mail"]


def test_no_port_of_the_figures_is_published():
    assert COMPOSE["x-app"]["environment"]["METRICS_HOST"] == "0.0.0.0"  # noqa: S104  (of the container)
    assert not [port for service in SERVICES.values() for port in service.get("ports", []) if "METRICS" in port]


def test_proxy_knows_the_addresses_of_web():
    """They stand in two files; nobody else may be given one of them."""
    network = COMPOSE["networks"]["inside"]["ipam"]["config"][0]
    fixed = {name: service["networks"]["inside"]["ipv4_address"] for name, service in SERVICES.items()
             if isinstance(service["networks"], dict)}  # fmt: skip
    named = re.findall(r"^ *server ([0-9.]+):8000[ ;]", (ROOT / "deploy" / "nginx.conf").read_text(), re.MULTILINE)

    assert set(fixed) == {"web-1", "web-2"}
    assert set(fixed.values()) == set(named)
    assert all(ip_address(address) in ip_network(network["subnet"]) for address in named)
    assert not any(ip_address(address) in ip_network(network["ip_range"]) for address in named)


def test_valkey_refuses_instead_of_forgetting():
    command = SERVICES["valkey"]["command"]

    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def test_dockerfile_sources_exist_and_are_let_in():
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [shlex.split(line)[1:-1] for line in DOCKERFILE if line.startswith("COPY ") and "--from=" not in line]
    sources = {source for sources in copied for source in sources}

    assert {source for source in sources if not (ROOT / source).exists()} == set()
    assert sources == let_in, "Dockerfile and .dockerignore must name the same"


def test_image_holds_no_test_code():
    packages = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))

    assert "django" in packages
    assert packages & {"pytest", "playwright", "hypothesis", "aiosmtpd", "ruff"} == set()
    assert any("--require-hashes" in line and "requirements.lock" in line for line in DOCKERFILE)
    assert not any("requirements-dev" in line for line in DOCKERFILE)


def test_image_runs_without_root():
    assert "USER mumaris" in DOCKERFILE
