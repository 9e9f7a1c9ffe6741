"""What confines a submission, piece by piece; the whole is in test_hostile_zoo.py."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from harness import BY_TIME, Harness, tiny
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esr.base.errors import UserError
from esr.measure.job import Job, JobFolder, JobSplit
from esr.sandbox import (
    bubblewrap,
    gpu_lock,
    landlock,
    limit_guard,
    policy,
    printed_output,
    process_tree,
)
from esr.sandbox.launch import scrub_environment
from esr.sandbox.left_files import flag_left_files, list_files
from esr.sandbox.limit_guard import LimitGuard, images_bytes
from esr.sandbox.policy import GIB, Limits, Places, memory_bytes, places
from esr.submissions.submission import Submission

needs_landlock = pytest.mark.skipif(landlock.version() == 0, reason="this kernel has no Landlock")


def _places(folder: Path, *hidden: Path) -> Places:
    return Places(folder.resolve(), (), (), tuple(path.resolve() for path in hidden))


@pytest.mark.parametrize(
    "name",
    ["HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "NVIDIA_API_KEY", "GITHUB_TOKEN", "SSH_AUTH_SOCK", "OLDPWD", "PYTHONSTARTUP", "LD_PRELOAD", "CUDA_PASSWORD"],
)  # fmt: skip
def test_a_secret_is_not_handed_on(tmp_path: Path, name: str) -> None:
    assert name not in scrub_environment({name: "x"}, _places(tmp_path))


@pytest.mark.parametrize(
    "name",
    ["PATH", "LANG", "LC_ALL", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "PYTORCH_CUDA_ALLOC_CONF", "GLIBC_TUNABLES", "MALLOC_ARENA_MAX"],
)  # fmt: skip
def test_what_computing_needs_is_handed_on(tmp_path: Path, name: str) -> None:
    assert scrub_environment({name: "x"}, _places(tmp_path))[name] == "x"


def test_home_and_temporary_files_are_private(tmp_path: Path) -> None:
    told = scrub_environment({"HOME": "/root", "TMPDIR": "/scratch"}, _places(tmp_path))
    assert {told["HOME"], told["TMPDIR"]} == {str(tmp_path / "home"), str(tmp_path / "tmp")}


def test_a_folder_that_holds_the_submission_too_is_hidden_all_the_same(tmp_path: Path) -> None:
    hr, models, folder = tmp_path / "set" / "HR", tmp_path / "models", tmp_path / "job"
    for path in (hr, models, folder):
        path.mkdir(parents=True)
    (tmp_path / "link").symlink_to(hr)
    submission = Submission(0, "A", models / "a.py", None)
    found = places(submission, folder, (tmp_path, tmp_path / "link", tmp_path / "gone"))
    assert found.hidden == (tmp_path.resolve(), hr.resolve())
    assert found.hidden_in(models) == ()
    assert found.hidden_in(tmp_path / "set") == (hr.resolve(),)


names = st.text("ab", min_size=1, max_size=2)
files = st.lists(st.lists(names, min_size=1, max_size=4).map("/".join), max_size=12)


@settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40
)
@given(paths=files, chosen=st.lists(st.integers(0, 11), max_size=3))
def test_all_but_what_is_hidden_is_covered(
    tmp_path_factory: pytest.TempPathFactory, paths: list[str], chosen: list[int]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    made = []
    for path in paths:
        file = root / path / "file"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
        made.append(file)
    hidden = [made[index].parent for index in chosen if index < len(made)]
    rules = list(landlock.all_but(hidden, root))
    for file in made:
        covered = any(file.is_relative_to(rule) for rule in rules)
        assert covered is not any(file.is_relative_to(place) for place in hidden)


CONFINED = """
import json, os, sys
from pathlib import Path
def attempt(deed):
    try:
        deed()
    except OSError:
        return False
    return True
own, other, hidden, parent = Path.cwd(), *map(Path, sys.argv[1:3]), f"/proc/{os.getppid()}"
print(json.dumps({
    "write own": attempt(lambda: (own / "new").write_text("x")),
    "rename own": attempt(lambda: (own / "new").rename(own / "sub" / "newer")),
    "write other": attempt(lambda: (other / "new").write_text("x")),
    "make folder": attempt(lambda: (other / "folder").mkdir()),
    "remove other": attempt(lambda: (other / "file").unlink()),
    "truncate other": attempt(lambda: os.truncate(other / "file", 0)),
    "read other": attempt(lambda: (other / "file").read_text()),
    "read hidden": attempt(lambda: (hidden / "file").read_text()),
    "a disk, the kernel's log, a terminal, shared memory": any(
        attempt(lambda: os.open(place, os.O_RDONLY)) for place in map(Path, sys.argv[3:])
    ),
    "environment of the parent": attempt(lambda: Path(parent, "environ").read_bytes()),
    "folder of the parent": attempt(lambda: os.readlink(f"{parent}/cwd")),
    "write nowhere": attempt(lambda: Path("/dev/null").write_text("x")),
    "own memory": attempt(lambda: Path("/proc/self/maps").read_text()),
}))
"""


@needs_landlock
def test_landlock_leaves_its_own_folder_and_refuses_the_rest(tmp_path: Path) -> None:
    own, other, hidden = (tmp_path / name for name in ("own", "other", "hidden"))
    for folder in (own / "sub", other, hidden):
        folder.mkdir(parents=True)
        (folder / "file").write_text("text")
    named = ("kmsg", "tty", "ptmx")
    devices = [p for p in Path("/dev").iterdir() if p.is_block_device() or p.name in named]
    ours, theirs = os.openpty()
    devices.append(Path(os.ttyname(theirs)))
    where = Places(own.resolve(), (), policy.interpreter(), (hidden.resolve(),))
    with landlock.rules(where) as restrict, NamedTemporaryFile(dir="/dev/shm") as shared:
        done = subprocess.run(
            [sys.executable, "-c", CONFINED, *map(str, (other, hidden, shared.name, *devices))],
            cwd=own,
            preexec_fn=restrict,
            capture_output=True,
            text=True,
        )
    os.close(ours), os.close(theirs)
    assert done.returncode == 0, done.stderr
    could = {deed for deed, succeeded in json.loads(done.stdout).items() if succeeded}
    assert could - {"rename own"} == {"write own", "write nowhere", "own memory"}
    assert (other / "file").read_text() == "text"
    assert ("rename own" in could) is (landlock.version() >= 2)


WRAPPED = """
import json, os, socket, sys
from pathlib import Path
def attempt(deed):
    try:
        deed()
    except OSError:
        return False
    return True
other, cover = map(Path, sys.argv[1:])
# The kernel starts what the first one names, outside of every sandbox.
SETTINGS = ["/proc/sys/kernel/core_pattern", "/proc/sys/vm/swappiness", "/proc/1/oom_score_adj", "/proc/1/mem"]
temporary = os.statvfs("/tmp")
print(json.dumps({
    "other": other.exists(),
    "covered": os.listdir(cover),
    "shadow": os.path.exists("/etc/shadow"),
    "home": os.path.exists(os.path.expanduser("~/.ssh")) or os.path.exists("/root/.bashrc"),
    "written": [p for p in ("/x", "/usr/x", "/etc/x", "/dev/x", "/var/x") if attempt(lambda: open(p, "w"))],
    "settings": [p for p in SETTINGS if attempt(lambda: os.open(p, os.O_WRONLY))],
    "own": attempt(lambda: open("new", "w")),
    "temporary": attempt(lambda: open("/tmp/new", "w")),
    "temporary bytes": temporary.f_blocks * temporary.f_frsize,
    "network": [name for _, name in socket.if_nameindex()],
    "processes": len([p for p in os.listdir("/proc") if p.isdigit()]),
    "open": sorted(os.listdir("/proc/self/fd"))[:3] == ["0", "1", "2"] and len(os.listdir("/proc/self/fd")) == 4,
    "told": "--tmp" + "fs" in Path("/proc/1/cmdline").read_text(),
}))
"""


def _bwrap_works() -> bool:
    try:
        bubblewrap.check()
    except UserError:
        return False
    return True


def test_the_sandbox_shows_what_is_needed_and_nothing_else(tmp_path: Path) -> None:
    if not _bwrap_works():
        pytest.skip("bubblewrap is absent or not permitted here")
    own, other, code = (tmp_path / name for name in ("own", "other", "code"))
    for folder in (own, other, code / "data"):
        folder.mkdir(parents=True)
        (folder / "file").write_text("text")
    where = Places(own, (code,), policy.interpreter(), (other, code / "data"))
    program = [sys.executable, "-c", WRAPPED, str(other), str(code / "data")]
    with bubblewrap.wrapped(program, where) as (command, options):
        done = subprocess.run(command, pass_fds=options, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen.pop("temporary bytes") <= GIB
    assert seen.pop("processes") <= 3
    assert seen == {
        "other": False,
        "covered": [],
        "shadow": False,
        "home": False,
        "written": [],
        "settings": [],
        "own": True,
        "temporary": True,
        "network": ["lo"],
        "open": True,
        "told": False,
    }
    assert (own / "new").exists()


DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 64)
        time.sleep(600)
    os._exit(0)
os.wait()
"""


def _descendants() -> set[int]:
    return {process.pid for process in process_tree.descendants(os.getpid())}


@pytest.mark.skipif(sys.platform != "linux", reason="nobody adopts orphans elsewhere")
def test_a_daemon_is_found_named_and_killed() -> None:
    process_tree.adopt_orphans()
    ours = _descendants()
    child = subprocess.Popen([sys.executable, "-c", DAEMON], start_new_session=True)
    child.wait()
    left = _descendants() - ours
    assert len(left) == 1
    assert len(process_tree.end(child, ours)) == 1
    assert _descendants() <= ours


def test_where_orphans_are_not_adopted_a_daemon_is_known_by_its_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_tree, "_IS_LINUX", False)
    monkeypatch.setattr(process_tree, "descendants", lambda pid, without=(): [])
    environment = {**os.environ, "HOME": str(tmp_path)}
    child = subprocess.Popen(
        [sys.executable, "-c", DAEMON], start_new_session=True, env=environment
    )
    child.wait()
    assert len(process_tree.end(child, (), tmp_path)) == 1
    assert process_tree.end(child, (), tmp_path) == []


def test_what_was_there_before_is_left_alone() -> None:
    # A helper of the harness, which itself starts something while the submission runs.
    program = "import subprocess, sys; sys.stdin.readline(); subprocess.run(['cat'])"
    with subprocess.Popen([sys.executable, "-c", program], stdin=-1) as helper:
        ours = _descendants()
        child = subprocess.Popen(["true"], start_new_session=True)
        helper.stdin.write(b"\n")
        helper.stdin.flush()
        while not list(process_tree.children(helper.pid)):
            pass
        assert process_tree.end(child, ours) == []
        assert helper.poll() is None
        assert len(list(process_tree.children(helper.pid))) == 1
        helper.stdin.close()


@pytest.fixture
def job(tmp_path: Path) -> tuple[Job, JobFolder]:
    folder = JobFolder(tmp_path / "job")
    for path in (
        folder.sr,
        folder.lr_image(0, 0).parent,
        folder.path / "home",
        folder.path / "tmp",
    ):
        path.mkdir(parents=True)
    folder.lr_image(0, 0).write_bytes(bytes(2**16))
    return Job(
        Submission(0, "A", Path("a.py"), None), "cpu", (JobSplit("valid", 1, 2**16),)
    ), folder


def _look(limits: Limits, job: tuple[Job, JobFolder], monkeypatch: pytest.MonkeyPatch, deed=None):
    monkeypatch.setattr(limit_guard, "PERIOD_S", 0)
    monkeypatch.setattr(limit_guard, "DISK_EVERY", 1)
    watching = LimitGuard(os.getpid(), job[1].path, limits, None, images_bytes(job[0]))
    if deed is not None:
        deed()
    return watching.broken()


def test_limits_that_are_kept_say_nothing(job, monkeypatch: pytest.MonkeyPatch) -> None:
    # The SR image of the job, 16 times its LR image, is no part of the quota.
    sr = job[1].sr_image(0, 0)
    assert (
        _look(Limits(60, 2**40, 2**16), job, monkeypatch, lambda: sr.write_bytes(bytes(2**20)))
        is None
    )


def test_a_limit_that_is_broken_is_named(job, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _look(Limits(0, 2**40, 2**40), job, monkeypatch) == ("timeout", "no result after 0 s")
    stage, reason = _look(Limits(60, 2**20, 2**40), job, monkeypatch)
    assert (stage, "--memory_limit is 0.000977 GiB" in reason) == ("limit", True)
    junk = job[1].path / "tmp" / "junk"
    stage, reason = _look(
        Limits(60, 2**40, 2**20), job, monkeypatch, lambda: junk.write_bytes(bytes(2**22))
    )
    assert (stage, "--disk_limit is 0.000977 GiB" in reason) == ("limit", True)

    def make_empty_files() -> None:
        for number in range(500):
            (job[1].path / "tmp" / f"empty-{number}").touch()

    junk.unlink()
    stage, reason = _look(Limits(60, 2**40, 2**22), job, monkeypatch, make_empty_files)
    assert (stage, "its folder holds" in reason) == ("limit", True)
    inodes = iter([2**20, 100, 100])
    monkeypatch.setattr(limit_guard, "_free_inodes", lambda _: next(inodes))
    stage, reason = _look(Limits(60, 2**40, 2**40), job, monkeypatch)
    assert (stage, "it left room for 100 files" in reason) == ("limit", True)
    monkeypatch.undo()
    monkeypatch.setattr(limit_guard, "PROCESSES_AT_MOST", 0)
    stage, reason = _look(Limits(60, 2**40, 2**40), job, monkeypatch)
    assert (stage, "more than 0 processes" in reason) == ("limit", True)


def test_the_memory_of_forked_processes_counts(job, monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import os, sys; kept = bytearray(b'x') * 2**28; print('ready', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1) as child:
        child.stdout.readline()
        rss = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        assert _look(Limits(60, rss + 2**27, 2**40), job, monkeypatch)[0] == "limit"
        child.stdin.close()
    assert _look(Limits(60, rss + 2**27, 2**40), job, monkeypatch) is None


def test_the_default_limit_is_a_share_of_the_memory() -> None:
    kib = next(
        line for line in Path("/proc/meminfo").read_text().splitlines() if "MemTotal" in line
    )
    assert 0 < memory_bytes(None) <= 0.8 * 1024 * int(kib.split()[1])
    assert memory_bytes(1.5) == 3 * GIB // 2


def test_what_is_left_in_its_folder_is_named(job) -> None:
    work, folder = job
    where = _places(folder.path)
    (folder.path / "tmp" / "torchinductor_root").mkdir()
    (folder.path / "home" / ".cache").mkdir()
    folder.sr_image(0, 0).write_bytes(b"")
    before = list_files(folder) - {folder.lr_image(0, 0), folder.sr_image(0, 0)}
    assert list(flag_left_files(work, folder, where, before)) == []
    (folder.sr / "cache.pt").write_bytes(b"")
    (folder.path / "home" / "memory.bin").write_bytes(b"")
    (flag,) = flag_left_files(work, folder, where, before)
    assert (flag.name, "2 in its" in flag.detail, "sr/cache.pt" in flag.detail) == (
        "kept_files",
        True,
        True,
    )


def test_a_long_log_keeps_both_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printed_output, "KEPT_BYTES", 4)
    log = tmp_path / "log"
    with printed_output.printed_in(tmp_path) as printed, printed_output.kept_in(log, printed):
        printed.file.write(b"first, middle and last")
        printed.file.flush()
    assert log.read_text() == "firs\n[14 bytes are left out here]\nlast"


HOLD = """
import sys, time
from pathlib import Path
from esr.sandbox.gpu_lock import locked
with locked(Path(sys.argv[1]), "cuda:0"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_run_on_a_gpu_says_that_it_waits_and_goes_on(tmp_path: Path, root: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "gpu.lock")]
    pipes = {"stdin": -1, "stdout": -1, "stderr": -1, "text": True, "cwd": root}
    with subprocess.Popen(command, **pipes) as first:
        assert first.stdout.readline() == "held\n"
        with subprocess.Popen(command, **pipes) as second:
            assert "another run measures on this GPU; waiting" in second.stderr.readline()
            first.send_signal(signal.SIGKILL)
            assert second.stdout.readline() == "held\n"
            second.stdin.close()


@pytest.mark.parametrize(
    ("visible", "device", "expected"),
    [
        ("", "auto", "0"),
        ("", "cuda:3", "3"),
        ("2,5", "cuda:1", "5"),
        ("GPU-8a/../b", "cuda", "GPU-8ab"),
    ],
)
def test_the_lock_is_of_the_physical_gpu(
    visible: str, device: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu_lock.physical_gpu(device) == expected


@pytest.mark.parametrize(
    ("program", "says"),
    [("", "bwrap is not installed"), ("#!/bin/sh\necho bwrap: No permissions >&2; exit 1\n", "not permitted here (bwrap: No permissions)")],
)  # fmt: skip
def test_a_sandbox_that_cannot_be_is_one_line(
    harness: Harness, program: str, says: str, tmp_path: Path
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    if program:
        (programs / "bwrap").write_text(program)
        (programs / "bwrap").chmod(0o755)
    done = subprocess.run(
        [sys.executable, str(harness.path / "test_demo.py"), "--sandbox"],
        env={**os.environ, "PATH": str(programs)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert says in done.stderr
    assert not list((harness.results / "records").glob("*"))


def test_own_files_are_the_folder_of_the_code_and_the_checkpoint() -> None:
    submission = Submission(0, "A", Path("/m/a.py"), Path("/z/a.pth"))
    assert policy.own_files(submission) == (Path("/m"), Path("/z/a.pth"))


OBSERVED = """
import json, sys
from pathlib import Path
import numpy
import torch
from esr.sandbox.inside import audit_hook as observer
from esr.sandbox.inside.audit_events import AuditFlags
own = Path.cwd()
flags = AuditFlags(own / "private", (own / "code",))
observer.install(flags.judge)
sys.path.insert(0, str(own / "code"))
import net
print(json.dumps([[flag.name, flag.detail] for flag in flags.flags()]))
"""

HONEST = """
import math, platform, tempfile, logging, multiprocessing, importlib.metadata
import torch, torch.nn.functional as F, numpy as np
from PIL import Image
import torch.utils.checkpoint, torch.fx
from pathlib import Path
here = Path(__file__).parent
np.load(here / "own.npy"); open(here / "own.npy", "rb").close(); list(here.iterdir())
importlib.metadata.version("torch"); platform.system(); torch.get_num_threads()
torch.nn.Conv2d(3, 3, 3)(torch.rand(1, 3, 8, 8))
with tempfile.TemporaryFile(dir=here.parent / "private"): pass
"""

DEEDS = {
    "wrote_files": "open('/proc/sys/nothing-here', 'w')",
    "read_images": "np.load('/srv/elsewhere/a-hr.npy')",
    "read_outside": "open('/dev/tty')",
    "used_network": "socket.create_connection(('127.0.0.1', 9))",
    "started_processes": "subprocess.run(['true'])",
    "signalled_processes": "os.kill(os.getppid(), 0)",
    "loaded_library": "ctypes.CDLL(None)",
    "patched_harness": "sys.setprofile(None)",
}


def _observe(tmp_path: Path, root: Path, source: str) -> dict[str, str]:
    for folder in ("private", "code"):
        (tmp_path / folder).mkdir()
    (tmp_path / "code" / "net.py").write_text(source)
    (tmp_path / "code" / "own.npy").write_bytes(NPY)
    done = subprocess.run(
        [sys.executable, "-B", "-c", OBSERVED],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        start_new_session=True,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


NPY = (
    b"\x93NUMPY\x01\x00v\x00"
    + b"{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }".ljust(117)
    + b"\n\x00"
)


def test_what_honest_code_does_is_no_event(tmp_path: Path, root: Path) -> None:
    assert _observe(tmp_path, root, HONEST) == {}


def test_every_deed_is_an_event_of_its_kind(tmp_path: Path, root: Path) -> None:
    imports = "import ctypes, os, socket, subprocess, sys\nimport numpy as np\n"
    tries = "".join(f"try:\n    {deed}\nexcept OSError:\n    pass\n" for deed in DEEDS.values())
    assert set(_observe(tmp_path, root, imports + tries)) == set(DEEDS)


def test_a_pass_is_not_slowed_down_by_events_it_does_not_raise(root: Path) -> None:
    program = """
import sys, torch
net, x = torch.nn.Sequential(*[torch.nn.Conv2d(3, 3, 3, padding=1) for _ in range(9)]), torch.rand(1, 3, 8, 8)
net(x)
events = []
sys.addaudithook(lambda event, _: events.append(event))
net(x)
seen = list(events)
print(*seen)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_a_memory_limit_leaves_room_for_an_honest_one(harness: Harness) -> None:
    harness.add("team01_Honest", tiny())
    done = harness.run("--model_id", "1", "--memory_limit", "2", "--device", "cpu")
    assert done.returncode == 0, done.stdout


def test_reading_hr_and_results_of_this_harness_is_flagged(harness: Harness) -> None:
    hr, record = harness.path / "data" / "demo" / "HR", harness.results / "records"
    peek = (
        f"\nimport contextlib, os\nfor place in {[str(hr), str(record)]!r}:\n"
        "    with contextlib.suppress(OSError):\n"
        "        for name in os.listdir(place):\n"
        "            with contextlib.suppress(OSError):\n"
        "                open(os.path.join(place, name)).close()\n"
    )
    harness.add("team01_Peeks", tiny() + peek)
    done = harness.run("--model_id", "0", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    honest = {flag["name"] for flag in harness.record("00_Tiny")["flags"]}
    assert honest <= set(BY_TIME)
    flags = {flag["name"]: flag["detail"] for flag in harness.record("01_Peeks")["flags"]}
    assert str(next(hr.iterdir())) in flags["read_images"]
    assert str(record) in flags["read_outside"]
