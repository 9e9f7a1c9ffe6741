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


@pytest.mark.parametrize(
    "command",
    [
        f"{sys.executable} -I {ROOT / 'test_demo.py'} --list",
        f"PYTHONSAFEPATH=1 {sys.executable} -W error -X dev {ROOT / 'test_demo.py'} --list",
        f"{sys.executable} -P {ROOT / 'train.py'} --help",
    ],
)
def test_a_python_that_does_not_look_beside_its_program_is_told_to(
    tmp_path: Path, command: str
) -> None:
    done = _shell(command, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "RFDN" in done.stdout or "usage" in done.stdout


def test_nothing_is_imported_from_the_folder_that_the_user_stands_in(tmp_path: Path) -> None:
    """It may be a stranger's clone; these modules are imported by all there is."""
    trap = "from pathlib import Path; Path(__file__).with_name('trodden').touch()"
    for name in ("torch", "numpy", "copy", "inspect", "__future__"):
        (tmp_path / f"{name}.py").write_text(trap)
    no_such = _shell(f"{sys.executable} {ROOT / 'test_demo.py'} --device cuda:99", tmp_path)
    assert no_such.returncode == 2
    assert "no such device" in no_such.stderr
    done = _shell(f"{sys.executable} -m esr --version", tmp_path, PYTHONPATH=str(ROOT))
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "trodden").exists()


@pytest.mark.parametrize("place", [".", "below", "file"])
def test_any_folder_for_temporary_files_will_do(tmp_path: Path, place: str) -> None:
    """What is given is made use of, or passed over as Python does; nothing is left behind."""
    (tmp_path / "below").mkdir()
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    done = _shell(LIST, tmp_path, TMPDIR=place)
    assert (done.returncode, done.stderr) == (0, "")
    assert "RFDN" in done.stdout
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("columns", ["0", "1"])
def test_a_terminal_of_no_width_is_shown_what_there_is(tmp_path: Path, columns: str) -> None:
    done = _shell(LIST, tmp_path, COLUMNS=columns)
    assert done.returncode == 0
    assert "RFDN" in done.stdout.replace("\n", "").replace(" ", "")
