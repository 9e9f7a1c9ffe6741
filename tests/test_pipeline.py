"""Measurements in steps: who is under way when, and what a failure of one costs the others."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Harness

from esr.base.errors import UserError
from esr.evaluate.pipeline import evaluate_one_ahead
from esr.measure.job import SubmissionFailed
from esr.records.record import Failure, Outcome, Record
from esr.sandbox.child_channel import ChildChannel
from esr.sandbox.inside import start_barrier


class Day:
    """What happened to the submissions of a run, in order."""

    def __init__(self, **failing: tuple[str, Exception]) -> None:
        self.events: list[str] = []
        self.failing = failing

    def outcomes(self, *names: str) -> Iterator[Outcome]:
        return evaluate_one_ahead(_Submission(name, self) for name in names)

    def happens(self, name: str, what: str) -> None:
        self.events.append(f"{name} {what}")
        if name in self.failing and self.failing[name][0] == what:
            raise self.failing[name][1]


class _Submission:
    """Its phases, as far as they are events of a day."""

    def __init__(self, name: str, day: Day) -> None:
        self.name, self.day = name, day
        self.is_open = False

    def start(self) -> None:
        self.is_open = True
        self.day.happens(self.name, "start")

    def measure(self) -> None:
        self.day.happens(self.name, "run")

    def score(self) -> None:
        self.day.happens(self.name, "score")

    def finish(self) -> Record:
        return _failure(self.name, SubmissionFailed("crash", "none"))  # type: ignore[return-value]

    def fail(self, failed: SubmissionFailed) -> Failure:
        return _failure(self.name, failed)

    def close(self) -> None:
        if self.is_open:
            self.day.events.append(f"{self.name} removed")
        self.is_open = False


def _failure(name: str, failed: SubmissionFailed) -> Failure:
    return Failure(name, 0, failed.stage, failed.reason, "", None)


def test_one_starts_while_the_last_one_is_scored_and_runs_when_all_is_quiet() -> None:
    day = Day()
    for outcome in day.outcomes("a", "b"):
        day.events.append(f"{outcome.label} kept")
    assert day.events == [
        *("a start", "a run", "b start", "a score", "a removed", "a kept"),
        *("b run", "b score", "b removed", "b kept"),
    ]


@pytest.mark.parametrize("step", ["start", "run", "score"])
@pytest.mark.parametrize(
    ("error", "stage", "reason"),
    [
        (SubmissionFailed("limit", "too much"), "limit", "too much"),
        (ValueError("oops"), "invalid", "the harness failed: ValueError: oops"),
    ],
)
def test_a_failure_at_any_step_costs_one_row(
    step: str, error: Exception, stage: str, reason: str
) -> None:
    day = Day(b=(step, error))
    found = list(day.outcomes("a", "b", "c"))
    assert [outcome.label for outcome in found] == ["a", "b", "c"]
    assert isinstance(found[1], Failure)
    assert (found[1].stage, found[1].reason) == (stage, reason)
    assert {f"{name} removed" for name in "abc"} <= set(day.events)
    assert "c score" in day.events


@pytest.mark.parametrize("step", ["start", "run", "score"])
def test_what_was_measured_is_kept_when_the_harness_cannot_go_on(step: str) -> None:
    day = Day(b=(step, UserError("no space left")))
    outcomes = day.outcomes("a", "b", "c")
    assert next(outcomes).label == "a"
    with pytest.raises(UserError, match="no space left"):
        next(outcomes)
    # While one is scored the next one starts, and is given up.
    assert ("c start" in day.events) == ("c removed" in day.events) == (step == "score")
    assert "c run" not in day.events
    starts = day.events.count("b start")
    assert day.events.count("b removed") == starts == (2 if step == "start" else 1)


def test_what_found_no_room_beside_the_one_before_is_tried_again_when_that_is_gone() -> None:
    day = Day(b=("start", UserError("no space left")))
    outcomes = day.outcomes("a", "b", "c")
    assert next(outcomes).label == "a"
    assert day.events[-3:] == ["b removed", "a score", "a removed"]
    day.failing.clear()
    assert [outcome.label for outcome in outcomes] == ["b", "c"]


def test_what_waits_is_given_up_when_nobody_asks_any_more() -> None:
    day = Day()
    outcomes = day.outcomes("a", "b", "c")
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    assert day.events[-1] == "b removed"
    assert "b run" not in day.events


@pytest.mark.parametrize("module", ["esr.evaluate.worker", "esr.tools.check.check_worker"])
def test_a_child_whose_parent_has_gone_does_nothing(
    module: str, tmp_path: Path, root: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, str(tmp_path)],
        cwd=root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
    assert list(tmp_path.iterdir()) == []


def test_a_child_waits_until_it_is_let_through_and_finds_nothing_else_to_read() -> None:
    code = "from esr.sandbox.inside import start_barrier as gate; gate.wait(); import sys; print([sys.stdin.read()])"
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [sys.executable, "-c", code]
        with subprocess.Popen(command, stdin=theirs.fileno(), stdout=-1) as child:
            time.sleep(0.5)
            assert child.poll() is None
            ours.send(start_barrier.GO)
            assert child.stdout is not None
            assert child.stdout.read() == b"['']\n"
            assert child.wait() == 0


def test_a_child_that_has_ended_already_can_be_let_through() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    ChildChannel(ours).say(start_barrier.GO)
    ours.close()


def test_a_submission_that_asks_is_not_answered(harness: Harness) -> None:
    source = (harness.path / "models" / "team00_Tiny.py").read_text()
    harness.add("team01_Asks", f"answer = input()\n{source}")
    done = harness.run("--model_id", "1", "0")
    assert done.returncode == 1
    assert "EOFError" in done.stdout + done.stderr
    assert harness.record("00_Tiny")["model_id"] == 0
