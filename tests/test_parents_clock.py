"""Runtimes forged inside the worker, through the real command: the parent's clock is another one."""

from __future__ import annotations

import pytest
from harness import Harness, tiny, write_pairs

from esr.audit.seen_by_parent import SeenImage, compare_clocks, compare_saving

WORK = "import time; began = time.monotonic(); [None for _ in iter(lambda: time.monotonic() - began < 0.25, False)]"
"""A pass that costs 250 ms, whatever the machine."""
CHANNEL = (
    "import os; links = [(n, f'/proc/self/fd/{n}') for n in range(3, 99)]; fd ="
    " [n for n, link in links if os.path.islink(link) and 'socket' in os.readlink(link)][0]"
)

FAKE_CLOCK = """
class Slow:
    now = 0
    def __call__(self):
        Slow.now += 10**5
        return Slow.now
"""
DEFAULTS = f"""{FAKE_CLOCK}
from esr.measure import timing
timing.WallStopwatch.__init__.__defaults__ = (Slow(),)
"""
CLASS = f"""{FAKE_CLOCK}
from esr.measure import timing
real = timing.WallStopwatch.time
def time_forged(self, call):
    result, lap = real(self, call)
    return result, timing.Lap(0.15, 0.15)
timing.WallStopwatch.time = time_forged
"""
FRAME = (
    "import ctypes, sys, time; [(frame.f_locals.update(start=time.perf_counter_ns() - 150000),"
    " ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), 0)) for frame in"
    " [sys._getframe(depth) for depth in range(1, 6)] if 'start' in frame.f_locals and 'call' in frame.f_locals]"
)
SAYING = """
from esr.measure.channel import Channel
real = Channel.say
def say(self, word, value=None):
    real(self, word, 0.15 if word == "restored" else value)
Channel.say = say
"""
CHEATS = {
    "Defaults": DEFAULTS + tiny(before=WORK),
    "Class": CLASS + tiny(before=WORK),
    "Frame": tiny(before=f"{WORK}; {FRAME}"),
    "Saying": SAYING + tiny(before=WORK),
    "Early": tiny(before=f"{CHANNEL}; os.write(fd, b'[\"restored\", 0.15]\\n'); {WORK}"),
    "Fork": tiny(
        before=f"{CHANNEL}; import ctypes; ctypes.CDLL(None).fork() or (os.write(fd,"
        f" b'[\"restored\", 0.15]\\n'), os._exit(0)); {WORK}"
    ),
    "Foresight": tiny(
        before="import os; assert len(os.listdir('lr')) <= len(os.listdir('sr')) + 1"
    ).replace("super().__init__()", "super().__init__(); import os; assert os.listdir('lr') == []"),
}
SEEN = ("Defaults", "Class", "Frame")
INVALID = {"Saying": "other runtimes", "Early": "out of turn", "Fork": "out of turn"}


@pytest.fixture(scope="module", params=["default", "sandbox"])
def cheats(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Harness:
    harness = Harness(tmp_path_factory.mktemp("clock") / "harness")
    write_pairs(harness.path / "data" / "demo")
    for number, (name, source) in enumerate(CHEATS.items(), start=1):
        harness.add(f"team{number:02d}_{name}", source)
    harness.add("team90_Slow", tiny(before=WORK))
    sandbox = ["--sandbox" if request.param == "sandbox" else "--no_sandbox"]
    done = harness.run("--model_id", "all", *sandbox)
    if "bwrap is not" in done.stderr:
        pytest.skip(done.stderr)
    return harness


def _row(harness: Harness, name: str) -> dict[str, str]:
    return next(row for label, row in harness.rows().items() if label.endswith(f"_{name}"))


@pytest.mark.parametrize("name", SEEN)
def test_a_forged_runtime_is_not_as_the_parent_saw_it(cheats: Harness, name: str) -> None:
    row = _row(cheats, name)
    assert float(row["Val Time [ms]"]) < 10
    assert "runtime_not_as_seen" in row["Flags"]
    assert float(row["Parent's clock [ms]"]) > 250


@pytest.mark.parametrize("name", INVALID)
def test_what_is_said_out_of_turn_ends_the_submission(cheats: Harness, name: str) -> None:
    row = _row(cheats, name)
    assert (row["Status"], row["Failed stage"]) == ("failed", "invalid")
    assert INVALID[name] in row["Reason"]


def test_no_image_is_there_before_its_turn(cheats: Harness) -> None:
    assert _row(cheats, "Foresight")["Status"] == "ok"


def test_an_honest_network_of_the_same_cost_is_not_flagged(cheats: Harness) -> None:
    row = _row(cheats, "Slow")
    assert "runtime_not_as_seen" not in row["Flags"]
    assert float(row["Parent's clock [ms]"]) > float(row["Val Time [ms]"]) > 250


def _seen(claimed: float, seen: float, saving: float = 5.0) -> SeenImage:
    return SeenImage.of_size(claimed, seen, saving, lr_mpx=0.1, scale=4)


def _names(images: list[SeenImage]) -> list[str]:
    return [flag.name for flag in (*compare_clocks(images, "all"), *compare_saving(images))]


def test_one_late_image_of_eight_is_the_machines_doing() -> None:
    honest = [_seen(50.0, 52.0)] * 7
    assert _names([*honest, _seen(50.0, 300.0, 900.0)]) == []
    assert _names([*honest[:4], *[_seen(1.0, 52.0)] * 4]) == ["runtime_not_as_seen"]


def test_more_than_was_seen_cannot_be() -> None:
    assert _names([_seen(80.0, 52.0)] * 4) == ["runtime_not_as_seen"]


def test_work_that_follows_the_clock_is_flagged() -> None:
    assert _names([_seen(1.0, 3.0, 400.0)] * 4) == ["works_after_the_clock"]
