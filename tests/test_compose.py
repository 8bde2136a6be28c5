"""Every reference in the container files leads somewhere: no engine is needed to see it."""

import ast
import re
import shlex

import pytest
import yaml
from django.core.management import get_commands

from tests.servers import ROOT

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
    assert {split_volume(volume) for volume in service.get("volumes", [])} <= set(COMPOSE.get("volumes", {}))
    assert set(service.get("secrets", [])) <= set(COMPOSE.get("secrets", {}))
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
        case "python":
            assert arguments[0] == "manage.py"
            assert arguments[1] in get_commands()
        case _:
            pytest.fail(f"nobody knows whether {program} is in the image")


def test_files_lie_in_one_volume_of_all_that_touch_them():
    """Web keeps and shows them, the worker deletes them, beat may do both; nobody else sees them."""
    holding = {name for name, service in SERVICES.items() if "files:/srv/files" in service.get("volumes", [])}

    assert holding == {"web", "worker", "beat"}
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
    missing = read_setting_names(without_default=True) - set(SERVICES[name]["environment"])

    assert missing == set(), "add them to x-app in docker-compose.yml"


def test_example_holds_no_secret():
    lines = (ROOT / ".env.example").read_text().splitlines()

    assert [line for line in lines if re.match(r"(# )?\w*(KEY|KEY_FALLBACKS|PASSWORD)=.+", line)] == []


def test_only_web_and_the_mail_page_have_ports_on_this_machine_alone():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert set(published) == {"web", "mailpit"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert SERVICES["mailpit"]["profiles"] == ["mail"]


def test_no_port_of_the_figures_is_published():
    assert COMPOSE["x-app"]["environment"]["METRICS_HOST"] == "0.0.0.0"  # noqa: S104  (of the container)
    assert not [port for service in SERVICES.values() for port in service.get("ports", []) if "METRICS" in port]


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
