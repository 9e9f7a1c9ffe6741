"""SIGKILL at random moments after the first record, and the same command again each time.

Twice here; `ESR_KILLS=20 ESR_SEED=1 python -m pytest -n 0 -s tests/test_kills.py` for more.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import PATIENCE_S, Harness, tiny, write_pairs

KILLS = int(os.environ.get("ESR_KILLS", "2"))
SEED = int(os.environ.get("ESR_SEED", "0"))


class Place:
    """A results folder on which one command is given again and again."""

    def __init__(self, path: Path, flag: str) -> None:
        self.harness = Harness(path / "harness")
        self.harness.count_at(32)
        write_pairs(self.harness.path / "data" / "demo")
        self.temporary = path / "scratch"
        self.temporary.mkdir()
        self.flag, self.added = flag, 0
        self.add()
        self.add()

    def add(self) -> None:
        self.harness.add(f"team{self.added:02d}_Tiny", tiny())
        self.added += 1

    def start(self) -> subprocess.Popen[str]:
        command = [sys.executable, str(self.harness.path / "test_demo.py"), "--model_id", "all"]
        return subprocess.Popen(
            [*command, self.flag],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "TMPDIR": str(self.temporary)},
        )

    def records(self) -> dict[str, tuple[bytes, int]]:
        files = (self.harness.results / "records").glob("*.json")
        return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}

    def processes(self) -> list[int]:
        """Processes that have something of this run in their environment or command line."""
        mine, found = str(self.temporary).encode(), []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                text = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if mine in text:
                found.append(int(folder.name))
        return found

    def await_silence(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self.processes() == []


def _await_first(place: Place, process: subprocess.Popen[str]) -> None:
    while process.poll() is None and not place.records():
        time.sleep(0.02)


@pytest.mark.parametrize("flag", ["--no_sandbox", "--sandbox"])
def test_nothing_is_lost_repeated_or_left_behind(tmp_path: Path, flag: str) -> None:
    place, chance = Place(tmp_path, flag), random.Random(SEED)
    shared = set(Path("/dev/shm").iterdir())
    known: dict[str, tuple[bytes, int]] = {}
    killed = finished = 0
    longest_s = 0.0
    while killed < KILLS:
        began = time.monotonic()
        process = place.start()
        _await_first(place, process)
        # Beyond what a command takes to its next record, as fast as this machine is.
        longest_s = longest_s or 3 * (time.monotonic() - began)
        if process.poll() is not None and not place.records():
            pytest.skip(process.communicate()[0])
        time.sleep(chance.uniform(0, longest_s))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=PATIENCE_S)
        place.await_silence()
        now = place.records()
        assert {name: now.get(name) for name in known} == known
        assert all(json.loads(content) for content, _ in now.values())
        known = now
        if process.returncode == -signal.SIGKILL:
            killed += 1
        else:
            finished += 1
            assert process.returncode == 0
        if len(known) == place.added:
            place.add()  # Something is always left to do.
    process = place.start()
    printed, _ = process.communicate(timeout=PATIENCE_S)
    told = f"{killed} kills, {finished} ended before, {len(known)} of {place.added} records kept"
    sys.stdout.write(f"{flag}: {told}\n")
    assert process.returncode == 0, printed
    assert "Traceback" not in printed
    now = place.records()
    assert {name: now[name] for name in known} == known
    assert len(now) == place.added
    assert {row["Status"] for row in place.harness.rows().values()} == {"ok"}
    assert list(place.temporary.iterdir()) == []
    assert place.processes() == []
    assert not {path for path in set(Path("/dev/shm").iterdir()) - shared if "esr" in path.name}
    assert not list(place.harness.results.rglob(".*.json.*"))
