"""Does the harness find of a clone what the official script found?

`python -m benchmarks.acceptance CLONE --year 2024 --reference FILE --data_dir DIR --save_dir DIR`
measures every submission of a clone of an official repository on Set5 and compares what it finds
with reference figures of the official script: counts exactly, PSNR to 1e-4 dB, reasons of failure.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PSNR_DB = 1e-4
"""How far two PSNR of one network may be apart: sums are taken in another order."""

_COUNTS = {
    "params": ("params_m", 10**6),
    "flops_official": ("flops_official_g", 10**9),
    "flops_fvcore": ("flops_fvcore_g", 10**9),
    "activations": ("activations_m", 10**6),
    "num_conv": ("num_conv", 1),
}
_REASONS = {
    "no_submission_in_repo": "no submission",
    "structure_only_missing_checkpoint": "no checkpoint",
    "ok_ext": "needs the package",
}
"""What the reason of a failure must say, by the status in the reference."""

Facts = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """One submission, compared."""

    model_id: int
    name: str
    status: str
    """As the reference says it."""
    found: str
    differences: tuple[str, ...]

    def row(self) -> str:
        """Say it as a row of a Markdown table."""
        different = "; ".join(self.differences) or "none"
        return f"| {self.model_id} | {self.name} | {self.status} | {self.found} | {different} |"


def compare(reference: Sequence[Facts], save_dir: Path) -> Iterator[Verdict]:
    """Compare the outcomes in a results folder with the reference."""
    records = {found["model_id"]: found for found in _outcomes(save_dir / "records")}
    failures = {found["model_id"]: found for found in _outcomes(save_dir / "failures")}
    for facts in reference:
        number, name, status = facts["model_id"], facts.get("name", ""), facts["status"]
        if number in failures:
            failure = failures[number]
            expected = _REASONS.get(status)
            as_stated = expected is not None and expected in failure["reason"]
            found = f"failed ({failure['stage']}): {failure['reason']}"
            differs: tuple[str, ...] = () if as_stated else ("it should run",)
        elif number in records:
            found = f"{_psnr(records[number]):.4f} dB"
            differs = tuple(_differences(facts, records[number]))
        else:
            found, differs = "nothing", ("it was not measured",)
        yield Verdict(number, name, status, found, differs)


def _outcomes(folder: Path) -> Iterator[Facts]:
    for file in sorted(folder.glob("*.json")):
        yield json.loads(file.read_text(encoding="utf-8"))


def _psnr(record: Facts) -> float:
    scores = [image["scores"]["psnr"] for image in record["splits"][0]["images"]]
    return float(sum(scores) / len(scores))


def _differences(facts: Facts, record: Facts) -> Iterator[str]:
    for ours, (theirs, unit) in _COUNTS.items():
        expected = round(facts[theirs] * unit)
        if record["counts"][ours] != expected:
            yield f"{ours} {record['counts'][ours]}, officially {expected}"
    for key in ("data_range", "tile"):
        if record["sidecar"][key] != facts[key]:
            yield f"{key} {record['sidecar'][key]}, officially {facts[key]}"
    if record["fork"]["facts"]["name"] != facts["name"]:
        yield f"name {record['fork']['facts']['name']}"
    if facts["psnr"] is None:
        yield "it should lack its checkpoint"
        return
    measured = [image["scores"]["psnr"] for image in record["splits"][0]["images"]]
    worst = max(abs(a - b) for a, b in zip(measured, facts["psnr"], strict=True))
    if worst > PSNR_DB:
        yield f"PSNR apart by up to {worst:.6f} dB"


def measure(options: argparse.Namespace) -> None:
    """Run the harness on the clone."""
    command = [sys.executable, str(ROOT / "test_demo.py"), "--submission", str(options.clone)]
    command += ["--model_id", *options.model_id, "--dataset", "Set5"]
    command += ["--data_dir", str(options.data_dir), "--save_dir", str(options.save_dir)]
    subprocess.run([*command, "--protocol", f"ntire{options.year}"], check=False)


def main(arguments: Sequence[str]) -> int:
    """Measure, compare, and print the table."""
    parser = argparse.ArgumentParser("python -m benchmarks.acceptance", description=__doc__)
    parser.add_argument("clone", type=Path)
    parser.add_argument("--year", type=int, required=True)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--data_dir", type=Path, help="holds Set5/; without it nothing is measured")
    parser.add_argument("--save_dir", type=Path, required=True)
    parser.add_argument("--model_id", nargs="+", default=["all"])
    options = parser.parse_args(arguments)
    if options.data_dir is not None:
        measure(options)
    every = json.loads(options.reference.read_text(encoding="utf-8"))["submissions"]
    wanted = [
        facts
        for facts in every
        if facts["year"] == options.year
        and ("all" in options.model_id or str(facts["model_id"]) in options.model_id)
    ]
    verdicts = list(compare(wanted, options.save_dir))
    print("| id | name | reference | found | differences |\n|---|---|---|---|---|")
    for verdict in verdicts:
        print(verdict.row())
    wrong = sum(1 for verdict in verdicts if verdict.differences)
    print(f"\n{options.year}: {len(verdicts)} ids, {len(verdicts) - wrong} as stated, {wrong} not")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
