"""Does a busy machine make honest networks look like cheats?

`python -m benchmarks.false_alarms CLONE --records DIR --data_dir DIR --save_dir DIR` measures the
submissions of a clone with the fewest parameters on Set5, twice, each time beside programs that
keep every core busy, and lists the flags about time that they raise: there should be none.
`--records` are of an earlier run over the whole clone: they say how many parameters each has.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from esr.audit.audit_rules import BY_TIME

ROOT = Path(__file__).resolve().parents[1]
Facts = dict[str, Any]


@contextmanager
def busy(programs: int) -> Iterator[None]:
    """Keep as many cores busy as there are programs."""
    started = [subprocess.Popen(["yes"], stdout=subprocess.DEVNULL) for _ in range(programs)]
    try:
        yield
    finally:
        for program in started:
            program.kill()
            program.wait()


def choose_smallest(records: Path, count: int) -> list[int]:
    """List the ids of the submissions with the fewest parameters."""
    loaded = [json.loads(file.read_text(encoding="utf-8")) for file in records.glob("*.json")]
    ordered = sorted(loaded, key=lambda record: record["counts"]["params"])
    return [record["model_id"] for record in ordered[:count]]


def describe(record: Facts) -> str:
    """Say as a row of a Markdown table what a record holds about time."""
    by_time = [f"{f['name']}: {f['detail']}" for f in record["flags"] if f["name"] in BY_TIME]
    others = sorted({f["name"] for f in record["flags"] if f["name"] not in BY_TIME})
    side = record["counts"]["side"] or {}
    shares = f"{side.get('outside_share', 0):.1%}, {side.get('threads_share', 0):.1%}"
    cells = (
        record["label"],
        "; ".join(by_time) or "none",
        ", ".join(others) or "none",
        f"{shares} in the least of {side.get('looks', 0)}",
        f"{record['busy_cores'] or 0:.1f}",
        ", ".join(record["left_out"]) or "none",
    )
    return f"| {' | '.join(cells)} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and return 1 if a flag about time was raised."""
    parser = argparse.ArgumentParser("benchmarks.false_alarms", description=__doc__)
    parser.add_argument("clone", type=Path)
    for flag in ("--records", "--data_dir", "--save_dir"):
        parser.add_argument(flag, type=Path, required=True)
    parser.add_argument("--dataset", default="Set5")
    parser.add_argument("--protocol", default="ntire2024")
    parser.add_argument("--count", type=int, default=13)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--busy", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args(arguments)
    ids = map(str, choose_smallest(asked.records, asked.count))
    command = (
        *(sys.executable, str(ROOT / "test_demo.py"), "--submission", str(asked.clone)),
        *("--protocol", asked.protocol, "--data_dir", str(asked.data_dir), "--dataset"),
        *(asked.dataset, "--model_id", *ids),
    )
    raised = 0
    for run in range(1, asked.runs + 1):
        save_dir = asked.save_dir / f"run_{run}"
        with busy(asked.busy):
            subprocess.run([*command, "--save_dir", str(save_dir)], check=False)
        files = sorted((save_dir / "records").glob("*.json"))
        records = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        print(
            f"\nrun {run}: {len(records)} of {asked.count} measured beside {asked.busy} programs\n"
        )
        print(
            "| submission | flags about time | other flags | outside, threads | busy cores |"
            " left out |\n|---|---|---|---|---|---|"
        )
        for record in records:
            print(describe(record))
            raised += any(flag["name"] in BY_TIME for flag in record["flags"])
        raised += len(records) != asked.count
    return int(raised > 0)


if __name__ == "__main__":
    sys.exit(main())
