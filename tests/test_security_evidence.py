"""docs/security.md holds: every applicable requirement stands there, and every path and test that it names exists."""

import ast
import re
from functools import cache

import pytest

from tests.servers import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()
# OWASP ASVS 5.0, levels 1 and 2, without what does not concern this portal (OAuth, WebRTC, LDAP, web sockets …).
APPLICABLE = """
1.1.1 1.1.2 1.2.1 1.2.2 1.2.3 1.2.4 1.2.5 1.2.9 1.3.2 1.3.3 1.3.4 1.3.6 1.3.7 1.3.10 1.3.11 1.4.2 1.5.1 1.5.2
2.1.1 2.1.2 2.1.3 2.2.1 2.2.2 2.2.3 2.3.1 2.3.2 2.3.3 2.3.4 2.4.1
3.2.1 3.2.2 3.3.1 3.3.2 3.3.3 3.3.4 3.4.1 3.4.2 3.4.3 3.4.4 3.4.5 3.4.6 3.5.1 3.5.3 3.5.4 3.7.1 3.7.2
4.1.1 4.1.2 4.1.3 4.2.1 5.1.1 5.2.1 5.2.2 5.2.3 5.3.1 5.3.2 5.4.1 5.4.2 5.4.3
6.1.1 6.1.2 6.1.3 6.2.1 6.2.2 6.2.3 6.2.4 6.2.5 6.2.6 6.2.7 6.2.8 6.2.9 6.2.10 6.2.11 6.2.12 6.3.1 6.3.2 6.3.3 6.3.4
6.4.1 6.4.2 6.4.3 6.4.4 6.5.1 6.5.2 6.5.3 6.5.4 6.5.5 6.6.2 6.6.3
7.1.1 7.1.2 7.2.1 7.2.2 7.2.3 7.2.4 7.3.1 7.3.2 7.4.1 7.4.2 7.4.3 7.4.4 7.4.5 7.5.1 7.5.2
8.1.1 8.1.2 8.2.1 8.2.2 8.2.3 8.3.1 9.1.1 9.1.2 9.1.3 9.2.1 9.2.2
11.1.1 11.1.2 11.2.1 11.2.2 11.2.3 11.3.1 11.3.2 11.3.3 11.4.1 11.4.2 11.4.3 11.5.1
12.1.1 12.1.2 12.2.1 12.2.2 12.3.1 12.3.2 12.3.3 12.3.4
13.1.1 13.2.1 13.2.2 13.2.3 13.2.4 13.2.5 13.3.1 13.3.2 13.4.1 13.4.2 13.4.3 13.4.4 13.4.5
14.1.1 14.1.2 14.2.1 14.2.2 14.2.3 14.2.4 14.3.1 14.3.2 14.3.3
15.1.1 15.1.2 15.1.3 15.2.1 15.2.2 15.2.3 15.3.1 15.3.2 15.3.3 15.3.4 15.3.5 15.3.6 15.3.7
16.1.1 16.2.1 16.2.2 16.2.3 16.2.4 16.2.5 16.3.1 16.3.2 16.3.3 16.3.4 16.4.1 16.4.2 16.4.3 16.5.1 16.5.2 16.5.3
""".split()  # noqa: SIM905  (read as lines, as the page has them)
DEVIATIONS = {"6.2.5", "6.3.3"}
DEPLOYMENT = {"4.2.1", "5.4.3", "12.1.1", "12.1.2", "12.2.2", "12.3.1", "12.3.2", "12.3.3", "12.3.4", "16.4.3"}
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| \d+\.\d+\.\d+", line)
]


def rows_of(identifier: str) -> list[list[str]]:
    return [row for row in ROWS if identifier in row[0].split()]


def references(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


@cache
def names_in(path: str) -> frozenset[str]:
    """Return the functions and classes of a module."""
    tree = ast.parse((ROOT / path).read_text())
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


def is_there(reference: str) -> bool:
    """Tell whether ``path``, ``path:function`` or ``path::test`` exists."""
    path, _, name = reference.replace("::", ":").partition(":")
    return (ROOT / path).is_file() and (not name or name in names_in(path))


def test_every_applicable_requirement_has_exactly_one_row():
    counts = {identifier: len(rows_of(identifier)) for identifier in APPLICABLE}
    assert {identifier: count for identifier, count in counts.items() if count != 1} == {}
    assert len(APPLICABLE) == len(set(APPLICABLE)) == 186
    listed = {identifier for row in ROWS for identifier in row[0].split()}
    assert listed == set(APPLICABLE)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].replace(" ", ","))
def test_row_names_code_and_tests_that_exist(row):
    identifiers, meaning, code, tests = row
    identifiers = set(identifiers.split())
    assert meaning
    for reference in references(code + tests):
        assert is_there(reference), f"{row[0]}: {reference} is not there"
    if tests == "deployment":
        assert identifiers <= DEPLOYMENT
        assert len(code) > 30, "say what the operator does"
    elif code.startswith("deviation"):
        assert identifiers <= DEVIATIONS
    else:
        assert references(code), f"{row[0]}: no code"
    if tests != "deployment":
        assert any(reference.startswith("tests/") for reference in references(tests)), f"{row[0]}: no test"


def test_deviations_have_their_reasons():
    for identifier in DEVIATIONS:
        assert re.search(rf"^- \*\*{re.escape(identifier)}\*\* .{{60,}}", PAGE, re.MULTILINE)
        assert rows_of(identifier)[0][2].startswith("deviation: ")


def test_attacks_name_tests_that_exist():
    attacks = PAGE.partition("## Attacks that must fail")[2]
    named = references(attacks)
    assert len([name for name in named if name.startswith("tests/")]) > 40
    missing = [name for name in named if name.startswith("tests/") and not is_there(name)]
    assert not missing


def test_classes_of_data_are_documented():
    classes = PAGE.partition("## Classes of data")[2].partition("\n## ")[0]
    for word in ("secret", "identity", "contact", "registry", "record"):
        assert re.search(rf"^\| {word} \| .+ \| .+ \|$", classes, re.MULTILINE)


def test_libraries_are_pinned_with_hashes():
    for name in ("requirements.lock", "requirements-dev.lock"):
        blocks = re.split(r"^(?=[a-zA-Z0-9])", (ROOT / name).read_text(), flags=re.MULTILINE)[1:]
        assert blocks
        assert all("==" in block.partition("\n")[0] and "--hash=sha256:" in block for block in blocks)


def test_evidence_that_is_not_there_is_noticed():
    assert is_there("accounts/limits.py:count")
    assert is_there("tests/test_limits.py::test_cache_holds_json_and_counts")
    assert not is_there("accounts/limits.py:never_written")
    assert not is_there("accounts/nowhere.py")
    assert not is_there("tests/test_limits.py::test_never_written")
