"""``make mutants``: change the code that guards accounts, one operator at a time, and see whether a test notices.

mutmut copies the tree to ``mutants/`` and runs, for each change, the tests of the module that reach the changed
function. It makes no mutants of decorated functions: those are listed, so that nobody takes them for covered.
One change after the other, because all share one database.
"""

import argparse
import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

from mutmut import __main__ as mutmut
from mutmut.configuration import config

# Module → the tests that hold it. Few and fast: a change that they let live is a survivor.
MODULES = {
    "accounts/limits.py": ["tests/test_limit_table.py", "tests/test_limits.py"],
    "accounts/challenges.py": ["tests/test_challenges.py", "tests/test_code.py"],
    "accounts/passwords.py": ["tests/test_passwords.py"],
    "profiles/services.py": ["tests/test_update_request.py", "tests/test_review.py"],
}
# mutmut's exit codes: 1 a test failed, 3 pytest broke down, 36 and signals: the time was over.
KILLED, NOT_REACHED = {1, 3, 36, 24, 152, 255, -24}, {5, 33}


def decorated_functions(module: str) -> list[str]:
    tree = ast.parse(Path(module).read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [function.name for function in functions if function.decorator_list]


def make_and_run(module: str, tests: list[str]):
    # What mutmut keeps of another module's run makes it ask for that one's tests.
    shutil.rmtree("mutants", ignore_errors=True)
    chosen = config()
    chosen.only_mutate = [module]
    chosen.pytest_add_cli_args_test_selection = [name for name in tests if Path(name).exists()]
    # The copy's own tests, with the copy's own files: this program was found in the original.
    sys.path[0] = str(Path("mutants").resolve())
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    mutmut._run([], 1)
    kept = kept_result(module)
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(f"mutants/{module}.meta", kept)


def kept_result(module: str) -> Path:
    return Path("var/mutants") / f"{module.replace('/', '.')}.json"


def report(module: str) -> bool:
    """Print what became of the module's mutants; tell whether all were killed."""
    codes = json.loads(kept_result(module).read_text())["exit_code_by_key"]
    alive = {name: code for name, code in codes.items() if code not in KILLED}
    killed = len(codes) - len(alive)
    print(f"\n{module}: {killed} of {len(codes)} killed, {100 * killed / max(len(codes), 1):.1f} %")
    for name, code in sorted(alive.items()):
        print(f"  {'no test reaches' if code in NOT_REACHED else 'survived' if code == 0 else f'code {code}'}  {name}")
    print(f"  without mutants, because decorated: {', '.join(decorated_functions(module)) or 'none'}")
    return not alive


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
        chosen.report = True
    if not all(list(map(report, chosen.modules))):
        sys.exit("Some changes went unnoticed (.venv/bin/mutmut show NAME).")


if __name__ == "__main__":
    main()
