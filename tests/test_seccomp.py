"""Sabotage of the parent and of later teams by system calls, through the real command."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from harness import Harness, tiny, write_pairs

from esr.sandbox.parent_state import ParentState
from esr.sandbox.seccomp import Filter

SABOTAGE = """
import ctypes, os, pathlib
libc = ctypes.CDLL(None, use_errno=True)
parent = os.getppid()
class Pair(ctypes.Structure):
    _fields_ = [("soft", ctypes.c_ulong), ("hard", ctypes.c_ulong)]
one = ctypes.c_ulong(1)
deeds = dict(
    prlimit_cpu=lambda: libc.prlimit(parent, 0, ctypes.byref(Pair(1, 1)), None),
    prlimit_files=lambda: libc.prlimit(parent, 7, ctypes.byref(Pair(0, 0)), None),
    affinity=lambda: libc.sched_setaffinity(parent, 8, ctypes.byref(one)),
    priority=lambda: libc.setpriority(0, parent, 19),
    ioprio=lambda: libc.syscall(251, 1, parent, 3 << 13),
    shmget=lambda: libc.shmget(0x5e5e, 4096, 0o1666),
    semget=lambda: libc.semget(0x5e5e, 1, 0o1666),
    msgget=lambda: libc.msgget(0x5e5e, 0o1666),
    mq_open=lambda: libc.syscall(240, b"esr", os.O_CREAT | os.O_RDWR, 0o666, None),
    ptrace=lambda: libc.ptrace(16, parent, 0, 0),
    unshare=lambda: libc.unshare(0x10000000),
    keyctl=lambda: libc.syscall(250, 0, -3, 1),
    attributes=lambda: libc.ioctl(os.open(__file__, os.O_RDONLY), 0x40086602, ctypes.byref(one)),
)
for name, deed in deeds.items():
    print(name, "done" if deed() >= 0 else "refused")
for path in {paths!r}:
    libc.chmod(path.encode(), 0)
    libc.setxattr(path.encode(), b"user.x", b"y", 1, 0)
    libc.utimes(path.encode(), ctypes.byref((ctypes.c_long * 4)(1, 0, 1, 0)))
pathlib.Path("touched").touch()
print("touches a file that is not there", pathlib.Path("touched").exists())
"""
LOOKS = """
import os
print("processors", sorted(os.sched_getaffinity(0)), "niceness", os.getpriority(os.PRIO_PROCESS, 0))
"""


@pytest.fixture(scope="module", params=["--no_sandbox", "--sandbox"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Harness:
    if not Filter().exists:
        pytest.skip("no filter of system calls on this processor")
    harness = Harness(tmp_path_factory.mktemp("sabotage") / "harness")
    write_pairs(harness.path / "data" / "demo")
    paths = [str(harness.results), str(harness.path / "models" / "team12_Victim.py")]
    harness.add("team11_Sabotage", SABOTAGE.replace("{paths!r}", repr(paths)) + tiny())
    harness.add("team12_Victim", LOOKS + tiny())
    done = harness.run("--model_id", "all", request.param)
    if "bwrap is not" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    return harness


def test_every_deed_is_refused(run: Harness) -> None:
    log = (run.results / "logs" / "11_Sabotage.log").read_text()
    assert "touches a file that is not there True" in log
    deeds = dict(line.split() for line in log.splitlines() if line.count(" ") == 1)
    assert len(deeds) == 13
    assert set(deeds.values()) == {"refused"}


def test_the_next_team_has_the_machine_as_it_was(run: Harness) -> None:
    log = (run.results / "logs" / "12_Victim.log").read_text()
    assert (
        f"processors {sorted(os.sched_getaffinity(0))} niceness {os.getpriority(os.PRIO_PROCESS, 0)}"
        in log
    )
    assert {row["Status"] for row in run.rows().values()} == {"ok"}


def test_rights_and_times_of_files_are_as_they_were(run: Harness) -> None:
    assert run.results.stat().st_mode & 0o700 == 0o700
    assert (run.path / "models" / "team12_Victim.py").stat().st_mode & 0o600 == 0o600
    assert (run.path / "models" / "team12_Victim.py").stat().st_mtime > 1


def test_what_was_changed_of_the_parent_is_named_and_put_back() -> None:
    code = """
import os, resource
from esr.sandbox.parent_state import ParentState
before = ParentState.now()
os.setpriority(os.PRIO_PROCESS, 0, before.niceness + 1)
soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
first = min(os.sched_getaffinity(0))
many = len(os.sched_getaffinity(0)) > 1
os.sched_setaffinity(0, {first})
print(before.restore() == (["processors"] if many else []) + ["niceness", "limits"])
after = ParentState.now()
print(after.processors == before.processors, after.limits == before.limits, before.restore())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = "[]" if os.getuid() == 0 else "['niceness']"  # Only root may raise a priority.
    assert done.stdout.splitlines() == ["True", f"True True {names}"]
    assert ParentState.now().restore() == []
