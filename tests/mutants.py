"""``make mutants``: change the code that guards accounts, one operator at a time, and see whether a test notices.

mutmut copies the tree to ``mutants/`` and runs, for each change, the tests of the module that reach the changed
function, the fastest first. It makes no mutants of decorated functions: whatever has none is listed, so that nobody
takes it for covered. One change after the other, because all share one database.
"""

import argparse
import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from mutmut import __main__ as mutmut
from mutmut.configuration import config

# Module → the tests that hold it. Few and fast: a change that they let live is a survivor.
MODULES = {
    "accounts/limits.py": [
        "tests/test_limit_table.py",
        "tests/test_limits.py::test_limits_hold_without_the_cache_and_are_stricter",
    ],
    "accounts/challenges.py": ["tests/test_challenges.py"],
    "accounts/passwords.py": ["tests/test_passwords.py"],
    "profiles/services.py": ["tests/test_services.py"],
}
# Of the mutants of each module, in percent.
PROMISED = 85
# mutmut's exit codes: 1 a test failed, 3 pytest broke down, 36 and signals: the time was over.
OUT_OF_TIME, NOT_REACHED = {36, 24, 152, 255, -24}, {5, 33}
KILLED = {1, 3} | OUT_OF_TIME

# Why a change may live: function → number of its mutant → reason. Numbers move when the function changes.
SAME_CASE = "SQL takes its words in any case"
IN_THE_KEY = "the key is a digest of the kind too"
NONE_IS_FALSE = "None is as false"
NONE_IS_EMPTY = "the `or` after it makes None an empty text"
SURVIVORS: dict[str, dict[int, str]] = {
    "accounts.limits.x_count": {44: IN_THE_KEY},
    "accounts.limits.x_used": {5: IN_THE_KEY},
    "accounts.limits.x_forget": {14: IN_THE_KEY},
    "accounts.limits.x__write_counting_sql": {12: SAME_CASE, 15: SAME_CASE, 16: SAME_CASE},
    "accounts.limits.x_client_ip": {2: "the adapter reads nothing of its own request"},
    "accounts.limits.x_client_network": {12: NONE_IS_FALSE},
    "accounts.limits.x_count_ip": {
        4: NONE_IS_FALSE,
        12: "every count of the table is even",
    },
    "accounts.challenges.x__derive_code": {5: "big is what int.from_bytes takes by itself"},
    "accounts.passwords.x_list_names": {5: NONE_IS_EMPTY},
    "accounts.passwords.x_list_personal_words": {6: NONE_IS_EMPTY},
    "accounts.passwords.x_render_hijri": dict.fromkeys((7, 9), "hijridate takes a language in any case"),
    "profiles.services.x_remind_returned_requests": {5: "the id is the first column"},
    "profiles.services.x_close_returned_requests": {5: "the id is the first column"},
}


def package_of(module: str) -> str:
    return module.removesuffix(".py").replace("/", ".") + "."


def functions_of(module: str) -> Iterator[str]:
    """Yield every function and method, by the name that mutmut gives it."""
    for node in ast.parse(Path(module).read_text()).body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"xǁ{node.name}ǁ" if isinstance(node, ast.ClassDef) else "x_"
        prefix = package_of(module) + prefix
        yield from (prefix + found.name for found in inside if isinstance(found, ast.FunctionDef))


def make_and_run(module: str, tests: list[str]):
    # What mutmut keeps of another module's run makes it ask for that one's tests.
    shutil.rmtree("mutants", ignore_errors=True)
    # A run that breaks off leaves no result, rather than the one before.
    kept_result(module).unlink(missing_ok=True)
    chosen = config()
    chosen.only_mutate = [module]
    chosen.pytest_add_cli_args_test_selection = tests
    # The copy's own tests, with the copy's own files: this program was found in the original.
    sys.path[0] = str(Path("mutants").resolve())
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    mutmut._run([], 1)
    keep_result(module)


def kept_result(module: str) -> Path:
    return Path("var/mutants") / f"{module.replace('/', '.')}.json"


def keep_result(module: str):
    """Keep what became of each mutant, and the changed lines of those that live."""
    codes = json.loads(Path(f"mutants/{module}.meta").read_text())["exit_code_by_key"]
    lines = {name: changed_lines(name, module) for name, code in codes.items() if code not in KILLED}
    kept_result(module).parent.mkdir(parents=True, exist_ok=True)
    kept_result(module).write_text(json.dumps({"codes": codes, "lines": lines}, ensure_ascii=False))


def changed_lines(name: str, module: str) -> list[str]:
    difference = mutmut.get_diff_for_mutant(name, path=Path(module)).splitlines()[2:]
    return [line[0] + " " + line[1:].strip() for line in difference if line[:1] in {"+", "-"}]


def report(module: str) -> bool:
    """Print what became of the module's mutants; tell whether all were tried and as many killed as is promised."""
    if not kept_result(module).exists():
        print(f"\n{module}: no complete run")
        return False
    kept = json.loads(kept_result(module).read_text())
    codes = kept["codes"]
    killed = [name for name, code in codes.items() if code in KILLED]
    share = 100 * len(killed) / max(len(codes), 1)
    late = sum(codes[name] in OUT_OF_TIME for name in killed)
    print(f"\n{module}: {len(killed)} of {len(codes)} killed, {share:.1f} % ({late} of them by the time limit)")
    alive = set(codes) - set(killed)
    for name in sorted(alive):
        print(f"  {tell(codes[name])}  {name}  {reason_for(name) or 'NO REASON YET'}")
        print("".join(f"      {line}\n" for line in kept["lines"].get(name, [])), end="")
    tried = {name.rpartition("__mutmut_")[0] for name in codes}
    outdated = {name for name in names_with_reason() if name.startswith(package_of(module))} - alive
    print(f"  reasons to take off, because killed or gone: {', '.join(sorted(outdated)) or 'none'}")
    print(f"  functions without mutants: {', '.join(sorted(set(functions_of(module)) - tried)) or 'none'}")
    return share >= PROMISED and None not in codes.values()


def tell(code: int | None) -> str:
    if code in NOT_REACHED:
        return "no test reaches"
    return {0: "survived", None: "not tried"}.get(code, f"code {code}")


def names_with_reason() -> set[str]:
    return {f"{function}__mutmut_{number}" for function, reasons in SURVIVORS.items() for number in reasons}


def reason_for(name: str) -> str:
    function, _, number = name.rpartition("__mutmut_")
    return SURVIVORS.get(function, {}).get(int(number), "")


def main():
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(MODULES), help="some of them; all without")
    parser.add_argument("--report", action="store_true", help="only tell what the last run found")
    chosen = parser.parse_args()
    if len(chosen.modules) == 1 and not chosen.report:
        make_and_run(chosen.modules[0], MODULES[chosen.modules[0]])
    elif not chosen.report:
        # Each in a process of its own: mutmut keeps its state in modules.
        for module in chosen.modules:
            subprocess.run([sys.executable, "-m", "tests.mutants", module], check=False)
    kept = [report(module) for module in chosen.modules]
    print(f"\nPromised: {PROMISED} % of the mutants of each module.")
    if not all(kept):
        sys.exit("Too many changes went unnoticed, or not all were tried.")


if __name__ == "__main__":
    main()
