"""Every submission in processes of its own: order, what is kept of each, and what a failure costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median

import pytest
from harness import PATIENCE_S, Harness, tiny, write_pairs

from esr.base import json_file
from esr.evaluate.further_process import add_flags
from esr.evaluate.serial_engine import add_processes
from esr.measure.job import SubmissionFailed
from esr.records.measurement import Flag
from esr.records.record import Outcome, Record
from esr.records.split_result import ProcessTiming
from esr.submissions.submission import Broken, Entry


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    """Two submissions in three processes each."""
    harness = Harness(tmp_path_factory.mktemp("processes") / "harness")
    for stem in ("team00_A", "team01_B"):
        harness.add(stem)
    write_pairs(harness.path / "data" / "demo")
    harness.count_at(32)
    done = harness.run("--model_id", "0", "1", "--processes", "3", "--repeats", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    harness.said = done.stdout  # type: ignore[attr-defined]
    return harness


def _read(harness: Harness, label: str) -> Record:
    return json_file.load(Record, harness.results / "records" / f"{label}.json")


def test_processes_alternate(measured: Harness) -> None:
    lines = measured.said.splitlines()[:6]  # type: ignore[attr-defined]
    assert [line.partition(" of 3: ")[0] for line in lines] == [
        "00_A: process 1", "01_B: process 1", "00_A: process 2", "01_B: process 2",
        "00_A: process 3", "01_B: process 3",
    ]  # fmt: skip


def test_the_record_keeps_what_each_process_has_timed(measured: Harness) -> None:
    split = _read(measured, "00_A").splits[0]
    assert [len(process.runtime_ms) for process in split.processes] == [2, 2]
    assert [[len(s) for s in process.warm_ms] for process in split.processes] == [[2, 2], [2, 2]]
    # Samples of two processes are never the same to the nanosecond.
    assert len({split.robust.samples_ms, *(p.warm_ms for p in split.processes)}) == 3  # type: ignore[union-attr]


def test_official_figures_are_those_of_the_first_process(measured: Harness) -> None:
    split, row = _read(measured, "00_A").splits[0], measured.rows()["00_A"]
    first = sum(image.runtime_ms for image in split.images) / 2
    assert float(row["Val Time [ms]"]) == pytest.approx(first)
    assert row["Processes"] == "3"
    assert float(row["Mean of processes [ms]"]) == pytest.approx(sum(split.process_means_ms) / 3)


def test_warm_runtimes_are_means_over_the_processes_and_the_heading_says_what_is_not(
    measured: Harness,
) -> None:
    split, row = _read(measured, "00_A").splits[0], measured.rows()["00_A"]
    samples = [split.robust.samples_ms, *(p.warm_ms for p in split.processes)]  # type: ignore[union-attr]
    # Of each process the mean over the images of their medians over the rounds; of these the mean.
    warm = fmean(fmean(map(median, process)) for process in samples)
    official = fmean([split.runtime_ms, *(fmean(p.runtime_ms) for p in split.processes)])
    for title, ends, mean in (
        ("Warm Time [ms]", "Warm", warm),
        ("Ranked runtime [ms]", "Runtime", official),
    ):
        low, value, high = (float(row[t]) for t in (f"{ends} low [ms]", title, f"{ends} high [ms]"))
        assert value == pytest.approx(mean)
        assert low < value < high
        shown = f"{value:.2f} [{low:.2f}-{high:.2f}]"
        assert shown.replace("[", r"\[") in (measured.results / "leaderboard.md").read_text()
    page = (measured.results / "leaderboard.md").read_text()
    assert "demo Time, first process [ms]" in page
    assert f"| {split.runtime_ms:.2f} |" in " ".join(page.split())
    assert "official figures, Time among them, are those of the first. Means over the" in page


def test_more_processes_are_added_and_none_is_repeated(measured: Harness, tmp_path: Path) -> None:
    before = _read(measured, "00_A").splits[0]
    done = measured.run("--model_id", "0", "--resume", "--processes", "4", "--repeats", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("00_A: process 4 of 4: demo ")
    after = _read(measured, "00_A").splits[0]
    assert after.processes[:2] == before.processes
    assert len(after.processes) == 3
    assert replace(after, processes=()) == replace(before, processes=())
    again = measured.run("--model_id", "0", "--resume", "--processes", "2", "--repeats", "2")
    assert again.stdout.startswith("00_A: kept: ")


def test_other_outputs_in_a_further_process_are_flagged(harness: Harness) -> None:
    chance = "import random; brighter = random.SystemRandom().random() / 4"
    harness.add("team01_Chance", tiny("self.up(self.body(x)) + brighter", chance))
    harness.add(
        "team02_Else",
        f"import os\nlevel = os.getpid() % 97 / 200\n{tiny('self.up(self.body(x)) + level')}",
    )
    harness.count_at(32)
    # Nobody knew then that a further process would follow.
    assert harness.run("--model_id", "1").returncode == 0
    done = harness.run("--model_id", "1", "2", "--processes", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "01_Chance: process 2 of 2" in done.stdout
    chance_flags = {flag.name: flag.detail for flag in _read(harness, "01_Chance").flags}
    assert "not deterministic" in chance_flags["process_output_differs"]
    details = {flag.name: flag.detail for flag in _read(harness, "02_Else").flags}
    assert "2 of 2 SR images" in details["process_output_differs"]
    assert "not what is scored" in details["process_output_differs"]


def test_a_failed_further_process_costs_no_record_and_is_tried_again(harness: Harness) -> None:
    model = harness.path / "models" / "team00_Tiny.py"
    good = model.read_text()
    harness.count_at(32)
    assert harness.run("--model_id", "0").returncode == 0
    fails = (
        "import pathlib\nassert not pathlib.Path(__file__).with_name('bad').exists(), 'bad day'\n"
    )
    model.write_text(fails + good)
    assert harness.run("--model_id", "0").returncode == 0
    first = _read(harness, "00_Tiny")
    (harness.path / "models" / "bad").touch()
    done = harness.run("--model_id", "0", "--resume", "--processes", "3")
    assert "failed: process 2 (import): AssertionError: bad day" in done.stdout
    kept = _read(harness, "00_Tiny")
    assert (kept.splits, kept.process_count) == (first.splits, 1)
    assert [flag.name for flag in kept.flags if flag.name == "process_failed"] == ["process_failed"]
    (harness.path / "models" / "bad").unlink()
    assert harness.run("--model_id", "0", "--resume", "--processes", "3").returncode == 0
    complete = _read(harness, "00_Tiny")
    assert complete.process_count == 3
    # Its first process has left no hashes: it was not known that others would follow.
    assert not [flag for flag in complete.flags if flag.name == "process_output_differs"]


def test_a_killed_run_loses_the_process_under_way_alone(harness: Harness, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    waits = (
        "import pathlib, time\npathlib.Path('begun').touch()\n"
        "while pathlib.Path(__file__).with_name('wait').exists():\n    time.sleep(0.05)\n"
    )
    harness.add("team01_Waits", waits + tiny())
    harness.count_at(32)
    command = [sys.executable, str(harness.path / "test_demo.py"), "--model_id", "all"]
    command += ["--processes", "2"]
    record = harness.results / "records" / "01_Waits.json"
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        _wait(parent, lambda: record.exists())
        (harness.path / "models" / "wait").touch()
        _wait(parent, lambda: list(temporary.glob("*/*/01_Waits/begun")))
        parent.send_signal(signal.SIGKILL)
    (harness.path / "models" / "wait").unlink()
    assert [_read(harness, label).process_count for label in ("00_Tiny", "01_Waits")] == [2, 1]
    done = harness.run("--model_id", "all", "--processes", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    starts = [line.partition(" demo")[0] for line in done.stdout.splitlines()[:2]]
    assert starts == ["00_Tiny: kept:", "01_Waits: process 2 of 2:"]


def _wait(parent: subprocess.Popen[str], seen) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while parent.poll() is None and not seen():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert parent.poll() is None


@pytest.mark.parametrize(
    "arguments",
    [["--processes", "0"], ["--processes", "x"], ["--processes", "2", "--interleave", "0"]],
)
def test_arguments_without_meaning_are_refused(harness: Harness, arguments: list[str]) -> None:
    done = harness.run(*arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "--processes" in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2


class _Process:
    """The phases of a process that only counts."""

    def __init__(self, record: Record, seen: list[str], failing: str) -> None:
        self.record, self.seen, self.failing = record, seen, failing

    def start(self) -> None: ...
    def measure(self) -> None:
        self.seen.append(f"{self.record.label} {self.record.process_count + 1}")
        if self.seen[-1] == self.failing:
            raise SubmissionFailed("crash", "none")

    def score(self) -> None: ...
    def finish(self) -> Record:
        return _with_processes(self.record, self.record.process_count)

    def fail(self, failed: SubmissionFailed) -> Outcome:
        return self.record

    def close(self) -> None: ...


def _with_processes(record: Record, further: int) -> Record:
    split = replace(record.splits[0], processes=(ProcessTiming((1.0, 1.0)),) * further)
    return replace(record, splits=(split,))


def _entries(*labels: str) -> Iterator[Entry]:
    for number, label in enumerate(labels):
        yield Broken(number, label, Path(), "")


def test_who_has_failed_gets_no_other_process_and_who_has_more_waits(measured: Harness) -> None:
    plain = _with_processes(_read(measured, "00_A"), 0)
    records = {
        "a": replace(plain, label="a"),
        "b": replace(plain, label="b"),
        "c": replace(_with_processes(plain, 1), label="c"),
    }
    seen: list[str] = []
    entries = [*_entries("a", "b", "c")]
    outcomes = [*add_processes(lambda _, r: _Process(r, seen, "b 2"), entries, records, 3)]
    assert seen == ["a 2", "b 2", "a 3", "c 3"]
    assert len(outcomes) == 4


def test_a_flag_that_several_processes_raise_stands_once() -> None:
    first, second = Flag("throttled", "1 of 2 samples"), Flag("lazy_output", "odd")
    joined = add_flags([first], [Flag("throttled", "2 of 2 samples"), second], 2)
    assert joined == (first, Flag("lazy_output", "process 2: odd"))


def test_the_mean_over_processes_is_of_what_all_have_measured(measured: Harness) -> None:
    split = _read(measured, "01_B").splits[0]
    # Medians of (2, 4) and (6, 6) ms: 3 and 6, their mean 4.5.
    warm = ProcessTiming((9.0, 9.0), ((2.0, 4.0), (6.0, 6.0)))
    both = replace(split, processes=(warm,))
    assert both.process_means_ms == (split.robust.mean_ms, 4.5)  # type: ignore[union-attr]
    cold = replace(split, processes=(warm, ProcessTiming((7.0, 9.0))))
    assert cold.process_means_ms == (split.runtime_ms, 9.0, 8.0)
    assert replace(split, processes=()).process_mean_ms is None
