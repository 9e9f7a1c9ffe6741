"""What a worker imports before its submission may begin: `python -m benchmarks.start_up`.

Lists the packages by the time of their own modules, from `python -X importtime`, beside the time
of PyTorch alone, below which no worker can start. What only counts or draws must not be there: the
counters are imported while a worker waits, before a submission that may have modules of their names
(`esr.measure.counts.complexity.import_counters`).
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORKER = "esr.evaluate.worker.measure_submission"
TOO_EARLY = frozenset(["fvcore", "thop", "pandas", "scipy", "plotly", "jinja2", "itables", "pyiqa"])
"""Needed after the timed passes, or by the parent alone."""
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")


def import_ms(module: str) -> dict[str, float]:
    """Import a module in a fresh process: milliseconds by top-level package, its parts together."""
    command = [sys.executable, "-X", "importtime", "-c", f"import {module}"]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stderr
    found: Counter[str] = Counter()
    for own_us, name in _LINE.findall(said):
        found[name.split(".")[0]] += int(own_us)
    return {package: us / 1000 for package, us in found.items()}


def main() -> int:
    """Measure, print, and say by the exit status whether something comes too early."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    worker, alone = [], []
    for _ in range(given.rounds):
        worker.append(import_ms(WORKER))
        alone.append(import_ms("torch"))
    packages = {package for found in worker for package in found}
    medians = {
        package: statistics.median(found.get(package, 0.0) for found in worker)
        for package in packages
    }
    whole_ms, alone_ms = (
        statistics.median(sum(found.values()) for found in several) for several in (worker, alone)
    )
    for package, ms in sorted(medians.items(), key=lambda item: -item[1])[:20]:
        print(f"{package:24s} {ms:8.1f} ms {100 * ms / whole_ms:5.1f} %")
    print(f"{'worker':24s} {whole_ms:8.1f} ms, {whole_ms / alone_ms:.2f} times PyTorch alone")
    early = sorted(TOO_EARLY & packages)
    if early:
        print(f"too early: {', '.join(early)}")
    return int(bool(early))


if __name__ == "__main__":
    sys.exit(main())
