"""On a terminal the phase that runs is named, with its time, from the first to the last."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading

import pytest
from harness import PATIENCE_S, Harness, write_pairs

SLOW_START = """
import time
time.sleep(2.5)
"""


def _on_a_terminal(harness: Harness, *arguments: str) -> str:
    """Run the command with a terminal as its standard error, and return what is drawn there."""
    ours, theirs = pty.openpty()
    drawn: list[bytes] = []

    def read() -> None:
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # The other end is closed.
                return
            if not part:
                return
            drawn.append(part)

    reader = threading.Thread(target=read)
    reader.start()
    command = [sys.executable, str(harness.path / "test_demo.py"), *arguments]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=theirs, env=environment, timeout=PATIENCE_S
    )
    os.close(theirs)
    reader.join()
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", b"".join(drawn).decode())
    assert done.returncode == 0, text
    return text


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> str:
    harness = Harness(tmp_path_factory.mktemp("phases") / "harness")
    harness.add("team01_Slow")
    model = harness.path / "models" / "team01_Slow.py"
    model.write_text(SLOW_START + model.read_text())
    harness.count_at(64)
    write_pairs(harness.path / "data" / "demo", ("a", "b", "c"))
    return _on_a_terminal(harness, "--model_id", "1", "--repeats", "2", "--layers")


def test_every_phase_is_named_in_its_turn(drawn: str) -> None:
    phases = (
        "importing, building, loading",
        "restoring",
        "timing the warm network",
        "counting, auditing and measuring layers",
        "scoring",
        "keeping",
    )
    places = [drawn.index(f"01_Slow: {phase}") for phase in phases]
    assert places == sorted(places)


def test_images_are_counted_and_every_phase_has_its_time(drawn: str) -> None:
    for done in ("0/3", "1/3", "2/3", "3/3"):
        assert re.search(rf"01_Slow: restoring\s.* {done} \d:\d\d:\d\d", drawn)
    for phase in ("importing, building, loading", "timing the warm network", "scoring"):
        assert re.search(rf"01_Slow: {phase}\s.*\d:\d\d:\d\d", drawn)


def test_the_clock_of_an_untimed_phase_goes_on_while_nothing_happens(drawn: str) -> None:
    # The model file sleeps for more than two seconds; nobody says anything meanwhile.
    line = r"01_Slow: importing, building, loading\s[^\n]*?(\d:\d\d:\d\d)"
    assert len(set(re.findall(line, drawn))) >= 2
