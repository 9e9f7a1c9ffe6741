"""Which submission is measured where next: all meet the same machines, and what is lost moves on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from boards import record

from esr.evaluate.attempts import Attempt, Waiting
from esr.records.record import Record
from esr.records.split_result import ProcessTiming
from esr.submissions.submission import Submission


def _attempt(number: int) -> Attempt:
    return Attempt(Submission(number, "T", Path("model.py"), Path("model.pth")))


def _in_processes(count: int) -> Record:
    made = record(0, "T", 5.0, 27.0)
    more = tuple(ProcessTiming((5.0,), ()) for _ in range(count - 1))
    return replace(made, splits=tuple(replace(s, processes=more) for s in made.splits))


@pytest.mark.parametrize("order", ["ab", "ba", "aab", "abb", "aaab"])
@pytest.mark.parametrize("submissions", [1, 3, 4])
@pytest.mark.parametrize("processes", [2, 4])
def test_with_as_many_processes_as_machines_every_submission_meets_each(
    order: str, submissions: int, processes: int
) -> None:
    """However much faster one of them is."""
    waiting, met = Waiting(map(_attempt, range(submissions))), Counter[tuple[int | None, str]]()
    turns = 0
    while waiting:
        machine = order[turns % len(order)]
        turns += 1
        attempt = waiting.take(machine, set("ab"))
        if attempt is None:  # All that is left is for the other one.
            continue
        met[attempt.entry.model_id, machine] += 1
        after = attempt.after(_in_processes(attempt.done + 1), machine)
        if after.done < processes:
            waiting.add(after)
        assert turns < 1000
    assert set(met.values()) == {processes // 2}
    assert len(met) == 2 * submissions


def test_what_was_lost_on_a_machine_is_tried_on_another_one_first() -> None:
    lost, other = _attempt(0), _attempt(1)
    lost.lost["a"] += 1
    waiting = Waiting([lost, other])
    assert waiting.take("a", {"a", "b"}) is other
    assert waiting.take("a", {"a", "b"}) is None
    assert waiting.take("b", {"a", "b"}) is lost


def test_where_there_is_one_machine_what_it_lost_is_tried_there_twice() -> None:
    attempt = _attempt(0)
    for tries in (1, 2):
        attempt.lost["a"] += 1
        assert attempt.may_be_tried_again, tries
        assert Waiting([attempt]).take("a", {"a"}) is attempt
    attempt.lost["a"] += 1
    assert not attempt.may_be_tried_again


def test_the_first_process_of_all_comes_before_the_second_of_any() -> None:
    begun, fresh = _attempt(0), _attempt(1)
    begun = begun.after(_in_processes(1), "b")
    waiting = Waiting([begun, fresh])
    assert waiting.take("a", {"a", "b"}) is fresh
    assert waiting.take("a", {"a", "b"}) is begun
