"""Time beyond the official pass: what overruns is not started, what figures need is done."""

from __future__ import annotations

import csv
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from harness import Harness, tiny
from torch import Tensor, nn

from esr.audit.audit_rules import clocks
from esr.audit.record_flags import complexity_flags
from esr.measure import caching
from esr.measure.counts import complexity
from esr.measure.pass_costs import ImageCost, PassCosts
from esr.measure.time_budget import RoundTimer, TimeBudget, is_due
from esr.measure.timing import Lap
from esr.records.network_counts import Counts, SidePath
from esr.report.left_out import describe_left_out


@dataclass
class Clock:
    """A clock that goes only when it is told."""

    s: float = 0.0

    def __call__(self) -> int:
        return int(self.s * 1e9)


def test_what_would_overrun_is_not_started_and_is_named() -> None:
    clock = Clock()
    budget = TimeBudget(60.0, clock)
    clock.s = 50.0
    assert budget.allows("short", 10.0)
    assert not budget.allows("long", 10.5)
    assert budget.left_out == ("long",)


def test_reserved_time_is_for_what_comes_later() -> None:
    budget = TimeBudget(60.0, Clock())
    with budget.reserved(20.0):
        assert budget.available_s == 40.0
    with budget.reserved(1e9):  # At most half: what is timed must not be left out for it.
        assert budget.available_s == 30.0
    assert budget.available_s == 60.0


def test_a_round_that_would_overrun_is_not_begun() -> None:
    clock = Clock()
    timer = RoundTimer(10.0, clock)
    for s, late in ((2.0, False), (7.0, True)):  # Rounds of 2 and 5 s: another one would end at 12.
        clock.s = s
        timer.end_round()
        assert timer.is_late() is late


def test_an_input_costs_as_much_a_pixel_but_no_less_than_an_image() -> None:
    costs = PassCosts(((ImageCost(100, 1.0, 1.5), ImageCost(200, 2.0, 2.5)),))
    assert costs.official_s == 4.0
    assert costs.of_size_s(1000) == pytest.approx(10.0)
    assert costs.of_size_s(10) == pytest.approx(1.5)
    assert costs.warm_up_s(0, 3) == pytest.approx(9.0)


class _Ticking(nn.Module):
    """A pass that takes 5 s by a clock of the test's own."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 48, 3, padding=1)
        object.__setattr__(self, "clock", clock)

    def forward(self, x: Tensor) -> Tensor:
        self.clock.s += 5.0
        return nn.functional.pixel_shuffle(self.conv(x), 4)


def test_official_figures_are_counted_even_when_there_is_no_time() -> None:
    clock = Clock()
    network = _Ticking(clock)
    counts = complexity.count(network, (3, 16, 16), TimeBudget(0.0, clock))
    assert counts.flops_fvcore == 3 * 48 * 9 * 256
    assert counts.flops_official == 3 * 48 * 9 * 256
    assert (counts.flops_thop, counts.flops_dispatch) == (None, None)
    assert [note.split(":")[0] for note in counts.notes] == ["dispatch", "thop", "plain"]


def test_counters_are_left_out_by_what_a_pass_took() -> None:
    clock = Clock()
    budget = TimeBudget(22.0, clock)  # Official and fvcore 10 s; dispatch, on one thread, 5 s more.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        counts = complexity.count(_Ticking(clock), (3, 16, 16), budget)
    finally:
        torch.set_num_threads(threads)
    assert counts.flops_dispatch == 3 * 48 * 9 * 256
    assert counts.flops_thop == 3 * 48 * 9 * 256
    assert budget.left_out == ("counter plain",)
    assert clock.s == 20.0


def test_a_suspicion_that_there_is_no_time_to_confirm_is_no_flag_but_named() -> None:
    image, seen = np.zeros((4, 4, 3), np.uint8), list[str]()

    def affords(what: str, passes: int) -> bool:
        seen.append(f"{what} {passes}")
        return passes < 10

    cost = lambda lr: 0.1 if not lr.any() else 1.0  # noqa: E731
    assert caching.verdict(image, cost, np.random.default_rng(0), affords) is None
    assert seen[1].startswith("a suspicion confirmed (0.10")
    assert caching.verdict(image, cost, np.random.default_rng(0))[0] == "cached_output"


def _side(outside: float, threads: float, looks: int) -> Counts:
    side = SidePath((), (), 0, 0, outside, threads, looks)
    return Counts((3, 8, 8), 1, 1, 1, 1, 1, 1, side=side)


def test_a_share_of_time_seen_once_is_no_flag() -> None:
    assert complexity_flags(_side(0.5, 0.5, looks=1)) == ()
    names = {flag.name for flag in complexity_flags(_side(0.5, 0.5, looks=4))}
    assert names == {"outside_pytorch", "other_threads"}


def test_work_beside_pytorch_in_one_of_several_passes_is_the_machines_doing() -> None:
    class Sometimes(nn.Module):
        passes = 0

        def forward(self, x: Tensor) -> Tensor:
            Sometimes.passes += 1
            if Sometimes.passes in (3, 4):  # Official, fvcore, then two looks at the dispatcher.
                _burn(0.3)
            return x + 1

    counts = complexity.count(Sometimes(), (3, 16, 16))
    assert counts.side is not None
    assert counts.side.looks == 3
    assert counts.side.outside_share < 0.1


def _burn(seconds: float) -> None:
    import time

    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_clocks_have_to_disagree_in_three_laps_of_four() -> None:
    late = [Lap(10.0, 30.0)] * 2
    assert list(clocks([*late, *[Lap(10.0, 10.1)] * 2], "robust")) == []
    assert [flag.name for flag in clocks([*late, Lap(10.0, 30.0), Lap(10.0, 10.1)], "robust")] == [
        "clocks_disagree"
    ]


SLOW = tiny(
    before="import time; until = time.thread_time() + 0.1;"
    " [None for _ in iter(lambda: time.thread_time() < until, False)]"
)
"""A pass that works for a tenth of a second, whatever the image."""


@pytest.mark.parametrize(
    ("is_asked", "timeout_s", "is_made"),
    [
        *((True, None, True), (True, 240.0, True), (False, None, False)),
        # 100 s were spent and 20 s are to come: beyond half of 239 s.
        *((True, 239.0, False), (False, 240.0, False)),
    ],
)
def test_what_was_asked_for_is_made_unless_it_would_lose_everything(
    is_asked: bool, timeout_s: float | None, is_made: bool
) -> None:
    assert is_due(is_asked, 20.0, 100.0, timeout_s) is is_made


def test_a_slow_network_has_what_was_asked_for_and_its_record_names_what_was_left_out(
    harness: Harness,
) -> None:
    harness.add("team01_Slow", SLOW)
    arguments = ("--model_id", "1", "--repeats", "9", "--precision", "1", "--layers")
    done = harness.run(*arguments, "--time_budget", "0.1")
    assert done.returncode == 0, done.stdout + done.stderr
    record = harness.record("01_Slow")
    left_out = record["left_out"]
    # An official pass of two images leaves no room for nine rounds, nor for the 80 passes of an
    # audit; two rounds of each kind and the layers are what the flags ask for.
    assert "warm passes over valid: 7 of 9 rounds" in left_out
    assert any(what.startswith("caching") for what in left_out)
    assert not [what for what in left_out if what.startswith(("steady", "layers"))]
    split = record["splits"][0]
    assert [len(ms) for ms in split["robust"]["samples_ms"]] == [2, 2]
    assert split["steady"]["ended"] == "budget"
    assert len(record["layers"]) == 3
    assert "Layers of 01_Slow" in done.stdout
    assert record["counts"]["flops_fvcore"] is not None
    said = "01_Slow: left out for want of time (--time_budget SECONDS gives more): "
    assert f"{said}7 of 9 rounds of the warm runtime on valid" in done.stdout
    assert harness.rows()["01_Slow"]["Left out"] == "; ".join(left_out)
    layers = list(csv.DictReader((harness.results / "layers.csv").open()))
    assert [layer["Layer"] for layer in layers] == [layer["name"] for layer in record["layers"]]


def test_what_was_left_out_is_said_in_plain_words() -> None:
    left_out = (
        "2 of 5 changed or counted images behind the scored ones",
        *("counter plain", "counter fvcore", "caching: costs compared", "caching", "layers"),
        *("process 2: warm passes over valid: 5 of 9 rounds", "what nobody foresaw"),
    )
    assert describe_left_out(left_out) == (
        "FLOPs by fvcore, what each layer costs, 5 of 9 rounds of the warm runtime on valid in"
        " process 2; checks for tricks, which change no figure (2 of 5 further images, whether its"
        " output changes while it is counted, outputs kept from before, what nobody foresaw)"
    )
    assert describe_left_out(["layers"]) == "what each layer costs"


def test_a_fast_network_has_time_for_everything(harness: Harness) -> None:
    done = harness.run("--model_id", "0", "--repeats", "2", "--precision", "50", "--layers")
    assert done.returncode == 0, done.stdout + done.stderr
    record = harness.record("00_Tiny")
    assert record["left_out"] == []
    assert len(record["splits"][0]["robust"]["samples_ms"][0]) == 2
    assert record["busy_cores"] >= 0
