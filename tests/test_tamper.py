"""What stands for another object than before is named; what does not is not."""

from __future__ import annotations

import time

import pytest
import torch

from utils.audit.tamper import CLOCKS, READERS, Fingerprints, changes, our_names, settings
from utils.measure import restore, timing


def test_nothing_has_changed_where_nothing_was_changed() -> None:
    fingerprints = Fingerprints((*CLOCKS, *READERS, *our_names()))
    torch.nn.Conv2d(3, 3, 3)(torch.rand(1, 3, 8, 8))
    assert fingerprints.changed() == []
    assert changes(settings(), settings()) == []


def test_another_clock_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprints = Fingerprints(CLOCKS)
    monkeypatch.setattr(time, "perf_counter", lambda: 0.0)
    monkeypatch.setattr(torch.cuda.Event, "elapsed_time", lambda *_: 1.0)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda *_: None)
    assert fingerprints.changed() == [
        "time.perf_counter",
        "torch.cuda.Event.elapsed_time",
        "torch.cuda.synchronize",
    ]


def test_the_stopwatches_keep_the_clocks_they_began_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "perf_counter_ns", lambda: 0)
    _, lap = timing.WallStopwatch().time(lambda: sum(range(1000)))
    assert lap.ms > 0


def test_a_function_of_ours_with_other_code_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprints = Fingerprints(our_names())
    monkeypatch.setattr(restore.check_finite, "__code__", (lambda low, high: None).__code__)
    # And wherever it has been imported to.
    assert {name.split(".")[-1] for name in fingerprints.changed()} == {"check_finite"}
    assert "utils.measure.restore.check_finite" in fingerprints.changed()


def test_a_method_of_ours_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprints = Fingerprints(our_names())
    monkeypatch.setattr(timing.WallStopwatch, "time", lambda *_: None)
    assert fingerprints.changed() == ["utils.measure.timing.WallStopwatch.time"]


def test_settings_are_named_with_both_values() -> None:
    before = settings()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            found = changes(before, settings())
    finally:
        torch.set_default_dtype(torch.float32)
    assert found == [
        "default dtype from torch.float32 to torch.float64",
        "grad mode from True to False",
    ]
