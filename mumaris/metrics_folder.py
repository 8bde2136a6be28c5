"""Where the processes of one service count together: a folder in memory, new at every start, and a place for each."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# What is written there never waits for a disk.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  (nothing is shared through it)


def open_folder() -> None:
    """Make the folder, when METRICS_PORT says that somebody asks; before mumaris/metrics.py is loaded."""
    if os.environ.get("METRICS_PORT", "0") in {"", "0"}:
        return
    folder = tempfile.mkdtemp(prefix="mumaris-metrics-", dir=MEMORY)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    atexit.register(close_folder, folder, os.getpid())


def close_folder(folder: str, owner: int) -> None:
    """Remove the folder when the process that made it ends; those that it forked leave it alone.

    What a killed one leaves goes with its container.
    """
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def take_place(place: int) -> None:
    """Count in this place from now on: the successor of a process counts on, and files never pile up."""
    os.environ["METRICS_PLACE"] = str(place)
