"""What a command inherits from whoever starts it: closed streams, ignored signals, odd settings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from harness import PATIENCE_S, ROOT, run_program

LIST = f"{sys.executable} {ROOT / 'test_demo.py'} --list"


def _shell(command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", command],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=PATIENCE_S,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
def test_closed_streams_are_nothing_to_stumble_over(tmp_path: Path, closed: str) -> None:
    done = _shell(f"{LIST} {closed}", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert ("RFDN" in done.stdout) is (">&-" not in closed)


def test_a_file_that_is_opened_later_is_no_standard_stream(tmp_path: Path) -> None:
    program = (
        "from esr.base.inherited_state import make_ordinary; make_ordinary();"
        "import os, sys; print('text', file=sys.stderr);"
        f"handle = os.open({str(tmp_path / 'opened')!r}, os.O_WRONLY | os.O_CREAT);"
        "os.write(2, b'noise'); os._exit(0 if handle > 2 else 7)"
    )
    command = f'PYTHONPATH={ROOT} {sys.executable} -c "{program}" <&- >&- 2>&-'
    assert _shell(command, tmp_path).returncode == 0
    assert (tmp_path / "opened").read_bytes() == b""


def test_ended_children_are_heard_of_and_the_owner_may_use_his_files(tmp_path: Path) -> None:
    program = (
        "import os, signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.umask(0o777);"
        "from esr.base.inherited_state import make_ordinary; make_ordinary();"
        "print(signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL, oct(os.umask(0)))"
    )
    assert run_program(program).split() == ["True", "0o77"]
    assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL


@pytest.mark.parametrize("columns", ["0", "1"])
def test_a_terminal_of_no_width_is_shown_what_there_is(tmp_path: Path, columns: str) -> None:
    done = _shell(LIST, tmp_path, COLUMNS=columns)
    assert done.returncode == 0
    assert "RFDN" in done.stdout.replace("\n", "").replace(" ", "")
