"""``make import-speed``: import a registry into a fresh PostgreSQL, and import it again.

Budgets: at least 3,000 rows a second and at most 400 MB the first time; no change the second time.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.registry_rows import write_rows
from tests.servers import ROOT, make_keys, start_postgres

MIN_RATE, MAX_PEAK = 3_000, 400


def run(env: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def main():
    parser = argparse.ArgumentParser(prog="make import-speed", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="mumaris-import-") as name:
        folder = Path(name)
        with (folder / "members.csv").open("w", encoding="utf-8", newline="") as file:
            write_rows(file, rows)
        postgres = start_postgres(Path(tempfile.mkdtemp(prefix="mumaris-postgres-")) / "cluster", durable=True)
        try:
            env = os.environ | make_keys() | {
                "DEBUG": "1", "DATABASE_URL": postgres.url, "VAR_DIR": name, "STATEMENT_TIMEOUT_MS": "0",
            }  # fmt: skip
            run(env, "migrate", "--verbosity", "0")
            faults = []
            for turn in ("first", "second"):
                told = run(env, "import_members", str(folder / "members.csv"), "--report", str(folder / "report.csv"))
                print(f"{turn} run:\n{told[told.index('… and') if '… and' in told else 0 :]}", flush=True)
                if turn == "second" and "Nothing changed." not in told:
                    faults.append("the second run changed something")
                rate, peak = map(int, re.search(r"(\d+) rows a second, peak (\d+) MB", told).groups())
                if turn == "first" and rate < MIN_RATE:
                    faults.append(f"{rate} rows a second, budget {MIN_RATE}")
                if peak > MAX_PEAK:
                    faults.append(f"{turn} run: {peak} MB, budget {MAX_PEAK}")
        finally:
            postgres.stop()
    print("\n".join(faults) or "Every budget holds.")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
