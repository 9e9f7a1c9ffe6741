"""Ctrl-C at any moment of a command: one line, status 130, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import PATIENCE_S, ROOT, Harness, tiny, write_pairs

from esr.evaluate.running_jobs import RunningJobs
from esr.records.record import Failure

SLEEPS = "import time, pathlib; pathlib.Path('begun').write_text('')\ntime.sleep(600)\n"


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    harness = Harness(tmp_path_factory.mktemp("interrupted") / "harness")
    write_pairs(harness.path / "data" / "demo")
    harness.add("team00_Sleeps", SLEEPS + tiny())
    return harness


class Started:
    """A command in a group of its own, as a terminal starts it."""

    def __init__(self, temporary: Path, *command: str) -> None:
        temporary.mkdir(exist_ok=True)
        self.temporary = temporary
        self.process = subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            start_new_session=True,
            # As on a terminal: a shell without one has its background jobs ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            env={**os.environ, "TMPDIR": str(temporary)},
        )

    def await_import_of(self, library: str) -> None:
        maps = Path(f"/proc/{self.process.pid}/maps")
        self._await(lambda: library in maps.read_text())

    def await_file(self, name: str) -> None:
        self._await(lambda: any(self.temporary.rglob(name)))

    def _await(self, happened) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and time.monotonic() < deadline and not happened():
            time.sleep(0.005)
        assert self.process.poll() is None, self.process.communicate()

    def interrupt(self, times: int = 1) -> None:
        for _ in range(times):
            os.killpg(self.process.pid, signal.SIGINT)
            time.sleep(0.02)

    def end(self) -> str:
        printed, complaints = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 130, printed + complaints
        assert "Traceback" not in complaints
        lines = [line for line in complaints.splitlines() if line.startswith("interrupted")]
        assert len(lines) == 1, complaints
        assert list(self.temporary.iterdir()) == []
        return complaints


@pytest.mark.parametrize("delay_s", [0.0, 0.1, 0.3, 0.6, 1.0, 1.5, 2.5])
@pytest.mark.parametrize("flag", ["--no_sandbox", "--sandbox"])
def test_at_any_moment_of_the_first_seconds(
    harness: Harness, tmp_path: Path, delay_s: float, flag: str
) -> None:
    started = Started(tmp_path / "scratch", str(harness.path / "test_demo.py"), flag)
    # The first library that is loaded once Python itself has started.
    started.await_import_of("pydantic_core")
    time.sleep(delay_s)
    if started.process.poll() is None:
        started.interrupt()
    elif "bwrap is not" in started.process.stderr.read():
        pytest.skip("no bubblewrap")
    assert started.end().count("\n") == 1


@pytest.mark.parametrize("times", [1, 2, 8])
def test_again_and_again_while_a_submission_runs(
    harness: Harness, tmp_path: Path, times: int
) -> None:
    started = Started(tmp_path / "scratch", str(harness.path / "test_demo.py"))
    started.await_file("begun")
    started.interrupt(times)
    assert "what was finished is recorded" in started.end()


def test_what_was_finished_is_in_every_table_and_in_the_report(
    harness: Harness, tmp_path: Path
) -> None:
    harness.add("team01_Fine")
    command = (str(harness.path / "test_demo.py"), "--model_id", "1", "0", "--time_budget", "1")
    started = Started(tmp_path / "scratch", *command)
    started.await_file("begun")
    started.interrupt(2)
    (said,) = (line for line in started.end().splitlines() if line.startswith("interrupted"))
    assert said == (
        "interrupted: in the middle of 00_Sleeps (importing, building, loading);"
        " 1 of 2 not finished;"
        " python test_demo.py --model_id 1 0 --time_budget 1 --resume goes on;"
        " what was finished is recorded, and in every table"
    )
    for name in ("leaderboard.csv", "leaderboard.md", "results.txt", "report.html"):
        assert "01" in (written := (harness.results / name).read_text()), name
        assert "Fine" in written, name


def test_termination_is_heeded_alike(harness: Harness, tmp_path: Path) -> None:
    started = Started(tmp_path / "scratch", str(harness.path / "test_demo.py"))
    started.await_file("begun")
    started.process.terminate()
    started.process.terminate()
    started.end()


@pytest.mark.parametrize(
    ("command", "library", "delay_s"),
    [
        ((str(ROOT / "train.py"), "--help"), "libtorch", 0.2),
        ((str(ROOT / "train.py"), "--help"), "libc10", 0.0),
        (("-m", "esr", "check", "--model_id", "0"), "pydantic_core", 0.1),
        (("-m", "esr", "leaderboard", "nowhere"), "pydantic_core", 0.0),
    ],
)
def test_while_other_commands_import(
    tmp_path: Path, command: tuple[str, ...], library: str, delay_s: float
) -> None:
    started = Started(tmp_path / "scratch", *command)
    started.await_import_of(library)
    time.sleep(delay_s)
    started.interrupt()
    started.end()


def _interrupt_a_cluster() -> None:
    with RunningJobs(3) as jobs:
        for label in ("01_A", "02_B", "03_C"):
            jobs.begin(label, "here")
        jobs.end(Failure("01_A", 1, "load", "x", "2026-11-21"))
        raise KeyboardInterrupt


def test_on_a_cluster_all_that_were_being_measured_are_named() -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        _interrupt_a_cluster()
    assert caught.value.__notes__ == ["in the middle of 02_B, 03_C"]
