"""The baseline between the others: order, drift, and what an interruption costs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from harness import PATIENCE_S, Harness, write_pairs

from esr.base import json_file
from esr.evaluate.serial_engine import compare_baselines, evaluate_interleaved
from esr.records.record import Failure, Outcome, Record
from esr.submissions.submission import Broken, Entry


def _entries(*ids: int) -> list[Entry]:
    return [Broken(number, f"{number:02d}", Path(), "") for number in ids]


@dataclass
class _Meter:
    failing: int | None = None
    interrupted_at: int | None = None

    def __post_init__(self) -> None:
        self.order: list[int | None] = []

    def __call__(self, entry: Entry) -> Outcome:
        if len(self.order) == self.interrupted_at:
            raise KeyboardInterrupt
        self.order.append(entry.model_id)
        return Failure(entry.label, entry.model_id, "crash", "", "")  # type: ignore[union-attr]


def test_a_failure_needs_no_baseline_after_it() -> None:
    meter = _Meter()
    outcomes = list(evaluate_interleaved(meter, _entries(3, 0, 5), 0))
    assert [outcome.label for outcome in outcomes] == ["00", "03", "05"]
    assert meter.order == [0, 3, 5]


def test_drift_of_a_baseline_that_failed_is_unknown() -> None:
    failure = Failure("00", 0, "crash", "", "")
    unknown = compare_baselines(failure, failure, "00")
    assert (unknown.before_ms, unknown.ms, unknown.percent) == (None, None, None)


@pytest.fixture(scope="module")
def interleaved_run(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    harness = Harness(tmp_path_factory.mktemp("interleave") / "harness")
    for stem in ("team00_Base", "team01_A", "team02_B"):
        harness.add(stem)
    write_pairs(harness.path / "data" / "demo")
    done = harness.run("--model_id", "1", "2", "--interleave", "0", "--repeats", "2", "--seed", "7")
    assert done.returncode == 0, done.stdout + done.stderr
    return harness


def test_the_baseline_is_recorded_and_the_others_carry_its_drift(interleaved_run: Harness) -> None:
    base = interleaved_run.record("00_Base")
    first, second = (interleaved_run.record(label)["drift"] for label in ("01_A", "02_B"))
    assert base["drift"] is None
    assert (first["baseline"], first["figure"]) == ("00_Base", "robust")
    assert first["before_ms"] == base["splits"][0]["robust"]["mean_ms"]
    assert second["before_ms"] == first["after_ms"]
    assert second["after_ms"] not in (None, second["before_ms"])


def test_repeats_are_in_the_record_with_their_seed(interleaved_run: Harness) -> None:
    robust = interleaved_run.record("01_A")["splits"][0]["robust"]
    assert [len(samples) for samples in robust["samples_ms"]] == [2, 2]
    assert robust["low_ms"] <= robust["mean_ms"] <= robust["high_ms"]
    assert robust["conditions"]["seed"] == 7
    # Two images of two shapes: at least three passes each.
    assert robust["conditions"]["warmup_calls"] >= 6


def test_the_cold_start_is_apart_from_the_warm_runtime(interleaved_run: Harness) -> None:
    record = json_file.load(Record, interleaved_run.results / "records" / "01_A.json")
    split = record.splits[0]
    assert split.cold_ms == split.images[0].runtime_ms
    assert split.robust is not None
    assert split.robust.samples == 4
    assert split.cold_ratio == pytest.approx(split.cold_ms / np.mean(split.robust.samples_ms[0]))
    assert record.drift is not None
    assert record.drift.ms == record.drift.after_ms - record.drift.before_ms


def test_an_interruption_of_the_baseline_keeps_what_came_before(harness: Harness) -> None:
    temporary = harness.path / "temporary"
    temporary.mkdir()
    harness.add(
        "team01_Slow",
        # It is measured before and after; the second time it never ends.
        "import pathlib, time\npathlib.Path('begun').touch()\n"
        "if pathlib.Path(__file__).with_name('again').exists():\n    time.sleep(600)\n"
        + (harness.path / "models" / "team00_Tiny.py").read_text(),
    )
    command = [sys.executable, str(harness.path / "test_demo.py"), "--interleave", "1"]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as parent:
        for seen in ("*/*/00_Tiny", "*/*/01_Slow/begun"):
            while parent.poll() is None and not list(temporary.glob(seen)):
                time.sleep(0.02)
            (harness.path / "models" / "again").touch()
        parent.send_signal(signal.SIGTERM)
        _, said = parent.communicate(timeout=PATIENCE_S)
    assert parent.returncode == 130, said
    record = json.loads((harness.results / "records" / "00_Tiny.json").read_text())
    assert record["drift"] is None


@pytest.mark.parametrize(
    "arguments", [["--repeats", "1"], ["--repeats", "-3"], ["--seed", "x"], ["--interleave", "all"]]
)
def test_arguments_without_meaning_are_refused(harness: Harness, arguments: list[str]) -> None:
    done = harness.run(*arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert arguments[0] in done.stderr
