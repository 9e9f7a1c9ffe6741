"""Environments of submissions, from wheels that the test makes: no network is asked."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from harness import nearest_state, tiny
from package_index import NOBODY, write_source, write_wheel

from esr.base.errors import UserError
from esr.evaluate.build_environment import Installer
from esr.evaluate.installer_reason import (
    ABSENT,
    FAILED_BUILD,
    FULL_DISK,
    NO_NETWORK,
    UNKNOWN,
    Hindrance,
    find_hindrance,
    give_reason,
)
from esr.evaluate.pip_tool import Pip, explain
from esr.evaluate.submission_environment import find_environment, lock_file, make_environment
from esr.evaluate.thin_environment import PackageTool, ThinEnvironment
from esr.evaluate.uv_tool import find_uv
from esr.measure.job import SubmissionFailed
from esr.sandbox.policy import Limits
from esr.submissions.environments.environment_lock import read_lock
from esr.submissions.environments.stated_requirements import parsed, requirements_of
from esr.submissions.sidecar import Sidecar
from esr.submissions.submission import Submission
from esr.tools.env_command import main as env_command


def submission(tmp_path: Path, number: int = 1, requirements: tuple[str, ...] = ()) -> Submission:
    """Write a submission that imports the package."""
    for folder in ("models", "model_zoo"):
        (tmp_path / folder).mkdir(exist_ok=True)
    file = tmp_path / "models" / f"team{number:02d}_Net.py"
    file.write_text("import esr_colour\n" + tiny())
    checkpoint = tmp_path / "model_zoo" / f"team{number:02d}.pth"
    torch.save(nearest_state(), checkpoint)
    return Submission(number, "Net", file, checkpoint, Sidecar(requirements=requirements))


AMPLE = Limits(600, 2**40, 2**40)
Finder = Callable[[], PackageTool | None]


@pytest.fixture(params=["pip", "uv"])
def find_tool(request: pytest.FixtureRequest) -> Finder:
    if request.param == "pip":
        return Pip
    if find_uv() is None:
        pytest.skip("uv is not installed")
    return find_uv


@pytest.fixture
def installer(tmp_path: Path, find_tool: Finder) -> Installer:
    wheels = tmp_path / "wheels"
    for version in ("1.0", "2.0"):
        write_wheel(wheels, version)
    return Installer(tmp_path / "shelf", (), AMPLE, wheels, find_tool)


def test_what_is_imported_and_absent_is_asked_for(tmp_path: Path) -> None:
    assert requirements_of(submission(tmp_path)) == ("esr-colour",)
    stated = submission(tmp_path, requirements=("esr_colour==1.0",))
    assert requirements_of(stated) == ("esr_colour==1.0",)
    assert requirements_of(stated, ["esr_colour==2.0"]) == ("esr_colour==2.0",)
    for wrong in ("no such thing!", "x @ https://example.com/x.whl", "-r other.txt"):
        with pytest.raises(UserError):
            parsed(wrong)


_ASKS = """
import sys
from pathlib import Path
from esr.submissions.environments.stated_requirements import requirements_of
from esr.submissions.submission import CloneSubmission
print(requirements_of(CloneSubmission(7, "07_X", Path(sys.argv[1])), ()))
"""


def test_pipes_in_a_clone_keep_nobody_waiting(tmp_path: Path) -> None:
    models = tmp_path / "models" / "team07_X"
    models.mkdir(parents=True)
    for pipe in (models / "pipe.py", tmp_path / "requirements.txt"):
        os.mkfifo(pipe)
    (models / "net.py").write_text("import nobody_has_this\n")
    done = subprocess.run(
        [sys.executable, "-c", _ASKS, str(tmp_path)],
        cwd=Path(__file__).resolve().parents[1],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "('nobody-has-this',)", done.stderr


def test_an_environment_is_made_locked_reused_and_rebuilt(
    tmp_path: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = submission(tmp_path, requirements=("esr_colour==1.0",))
    assert find_environment(entry, tmp_path / "results", installer) is None
    lock = make_environment(entry, tmp_path / "results", installer)
    wheel = tmp_path / "wheels" / "esr_colour-1.0-py3-none-any.whl"
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert lock.packages == (f"esr-colour==1.0 --hash=sha256:{sha256}",)
    layer = installer.layer(lock)
    assert (layer / "esr_colour.py").read_text() == "VERSION = '1.0'\n"
    assert not list(layer.glob("torch*"))
    assert read_lock(lock_file(tmp_path / "results", entry.label)) == lock
    # An equal lock is reused: no installer is started.
    with monkeypatch.context() as patch:
        patch.setattr("esr.evaluate.thin_environment.run_confined", None)
        assert make_environment(entry, tmp_path / "results", installer) == lock
    # On another machine, without a network, from the lock and the wheels.
    # Whatever made the lock, pip can do it.
    elsewhere = replace(installer, shelf=tmp_path / "other_shelf", find_tool=Pip)
    with pytest.raises(SubmissionFailed, match="its environment is gone") as gone:
        find_environment(entry, tmp_path / "results", elsewhere)
    assert gone.value.stage == "environment"
    assert make_environment(entry, tmp_path / "results", elsewhere) == lock
    assert (elsewhere.layer(lock) / "esr_colour.py").exists()
    # A wheel of the same name with other contents is not what the lock says.
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("esr_more.py", "")
    third = replace(installer, shelf=tmp_path / "third_shelf")
    with pytest.raises(SubmissionFailed, match=r"(?i)hash"):
        make_environment(entry, tmp_path / "results", third)


def test_another_version_in_the_sidecar_is_taken_and_what_was_stated_stays(
    tmp_path: Path, installer: Installer
) -> None:
    def version(stated: str, asked: Sequence[str] = ()) -> str:
        entry = submission(tmp_path, requirements=(f"esr_colour=={stated}",))
        lock = make_environment(entry, tmp_path / "results", installer, asked)
        assert read_lock(lock_file(tmp_path / "results", entry.label)) == lock
        return (installer.layer(lock) / "esr_colour.py").read_text().split("'")[1]

    assert [version("1.0"), version("2.0")] == ["1.0", "2.0"]
    # The organizer has the last word, also in the runs that follow.
    assert [version("2.0", ["esr_colour==1.0"]), version("2.0")] == ["1.0", "1.0"]


def test_what_cannot_be_had_says_why(tmp_path: Path, installer: Installer) -> None:
    for asked, reason in [
        (["esr_colour==9.0"], "esr.colour==9.0"),
        (["esr_no_such_package"], "esr_no_such_package|esr-no-such-package"),
        (["torch==1.0"], "torch"),
    ]:
        with pytest.raises(SubmissionFailed, match=reason) as failed:
            make_environment(submission(tmp_path), tmp_path / "results", installer, asked)
        assert failed.value.stage == "environment"
        assert "\n" not in failed.value.reason
    write_wheel(tmp_path / "wheels", "3.0", requires="torch<2")
    with pytest.raises(SubmissionFailed, match="torch"):
        make_environment(submission(tmp_path), tmp_path / "results", installer, ["esr_colour==3.0"])
    assert not list((tmp_path / "shelf").glob("*"))


def test_what_is_here_stays_and_is_not_fetched_again(installer: Installer, tmp_path: Path) -> None:
    write_wheel(installer.wheels, "1.0", requires="torch>=2", name="esr_needs")
    write_wheel(installer.wheels, "99.0", name="pluggy")
    write_wheel(installer.wheels, "99.0", name="numpy")
    log = tmp_path / "log"
    needs, newer = (installer.build([asked], log) for asked in ("esr_needs", "pluggy==99.0"))
    found = {line.partition(" ")[0] for lock in (needs, newer) for line in lock.packages}
    assert found == {"esr-needs==1.0", "pluggy==99.0"}
    # Nothing of those that are here was left in the folder that goes before them.
    assert {path.name for path in installer.layer(needs).glob("*.dist-info")} == {
        "esr_needs-1.0.dist-info"
    }
    with pytest.raises(SubmissionFailed, match="numpy") as failed:
        installer.build(["numpy==99.0"], log)
    assert failed.value.stage == "environment"


def test_without_a_network_that_is_the_reason(
    tmp_path: Path, find_tool: Finder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tool, index in (("PIP", "INDEX_URL"), ("UV", "DEFAULT_INDEX")):
        monkeypatch.setenv(f"{tool}_{index}", f"{NOBODY}/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    installer = Installer(tmp_path / "shelf", (), AMPLE, None, find_tool)
    log = tmp_path / "log"
    with pytest.raises(SubmissionFailed, match="no network: ") as failed:
        installer.build(["esr_colour"], log)
    assert failed.value.stage == "environment"
    assert log.read_bytes()


_NO_NAME = (
    "WARNING: Retrying (Retry(total={left}, connect=None, read=None, redirect=None, status=None))"
    " after connection broken by 'NewConnectionError('<pip._vendor.urllib3.connection."
    "HTTPSConnection object at 0x7f>: Failed to establish a new connection: [Errno -3] Temporary"
    " failure in name resolution')': /simple/a/\n"
)
_NONE = (
    "ERROR: Could not find a version that satisfies the requirement a (from versions: none)\n"
    "ERROR: No matching distribution found for a\n"
)
_NO_BUILD = (
    "Collecting a\n  error: subprocess-exited-with-error\n  \n"
    "  \u00d7 python setup.py egg_info did not run successfully.\n  \u2502 exit code: 1\n"
    "  \u2570\u2500> [2 lines of output]\n      Traceback (most recent call last):\n"
    "      ModuleNotFoundError: No module named 'torch'\n      [end of output]\n  \n"
    "error: metadata-generation-failed\n"
)
_OS_ERROR = "ERROR: Could not install packages due to an OSError: "


@pytest.mark.parametrize(
    ("printed", "hindrance", "said"),
    [
        (f"{_OS_ERROR}[Errno 122] Disk quota exceeded\n", FULL_DISK, "Disk quota exceeded"),
        (_NO_NAME.format(left=0) + _NONE, NO_NETWORK, "Temporary failure in name resolution"),
        # Tried again, it was reached.
        (_NO_NAME.format(left=4) + _NONE, ABSENT, "requirement a"),
        (_NO_BUILD, FAILED_BUILD, "a: ModuleNotFoundError: No module named 'torch'"),
        # What is missing is what the build needs.
        (_NO_BUILD.replace("No mod", _NO_NAME.format(left=0)), NO_NETWORK, "Temporary failure"),
        ("ERROR: something new\n", UNKNOWN, "something new"),
        ("", UNKNOWN, "pip has failed"),
    ],
)
def test_what_pip_prints_is_one_reason(printed: str, hindrance: Hindrance, said: str) -> None:
    assert find_hindrance(printed) is hindrance
    assert said in explain(printed)


def test_a_reason_is_never_too_long_to_say_what_to_do(tmp_path: Path) -> None:
    reason = give_reason(FULL_DISK, "No space left on device " * 40, tmp_path)
    assert len(reason) == 300  # What a line of a reason is cut to.
    assert reason.endswith(f"...; make room in {tmp_path}, or lead XDG_CACHE_HOME to another disk")


def test_a_disk_that_is_full_at_the_last_moment_costs_one_row(
    tmp_path: Path, installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> int:
        raise UserError("cannot be written (No space left on device)", where=tmp_path)

    monkeypatch.setattr("esr.evaluate.thin_environment.run_confined", refuse)
    with pytest.raises(SubmissionFailed, match="the disk is full: ") as failed:
        installer.build(["esr_colour==1.0"], tmp_path / "log")
    assert failed.value.stage == "environment"
    assert not list(installer.shelf.iterdir())


def test_a_full_disk_is_said_to_be_full(
    tmp_path: Path, find_tool: Finder, installer: Installer
) -> None:
    installer.shelf.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(installer.shelf)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        write_wheel(installer.wheels, "4.0", payload=os.urandom(2**20))
        with pytest.raises(SubmissionFailed, match="No space left") as failed:
            installer.build(["esr_colour==4.0"], tmp_path / "log")
        assert failed.value.stage == "environment"
        assert not list(installer.shelf.iterdir())
    finally:
        subprocess.run(["umount", str(installer.shelf)], check=True)


@pytest.mark.parametrize(
    ("deed", "limits", "said"),
    [
        ("open('junk', 'wb').write(bytes(2**26))", Limits(600, 2**40, 2**24), "--disk_limit is"),
        ("kept = bytearray(b'x') * 2**28", Limits(600, 2**28, 2**40), "--memory_limit is"),
    ],
)
def test_a_build_that_takes_too_much_is_stopped(
    tmp_path: Path, find_tool: Finder, deed: str, limits: Limits, said: str
) -> None:
    wheels = tmp_path / "wheels"
    write_source(wheels, [deed], hangs=True)
    installer = Installer(tmp_path / "shelf", (), limits, wheels, find_tool)
    with pytest.raises(SubmissionFailed, match=f"a limit is broken: .*{said}") as failed:
        installer.build(["esr_hostile"], tmp_path / "log")
    assert failed.value.stage == "environment"
    assert not list((tmp_path / "shelf").glob("*"))


def test_a_setup_that_is_hostile_gets_nothing(tmp_path: Path, find_tool: Finder) -> None:
    from esr.base.house import ROOT
    from esr.sandbox import landlock

    if not landlock.version():
        pytest.skip("without Landlock nothing is refused")
    hr = tmp_path / "data" / "hr.png"
    hr.parent.mkdir()
    hr.write_text("secret")
    attempts = [f"open({str(hr)!r}).read()", f"open({str(ROOT / 'esr' / 'x.py')!r}, 'w')",
                f"open({str(tmp_path / 'shelf' / 'x')!r}, 'w')"]  # fmt: skip
    wheels = tmp_path / "wheels"
    write_source(wheels, attempts, hangs=False)
    installer = Installer(tmp_path / "shelf", (tmp_path / "data",), AMPLE, wheels, find_tool)
    log = tmp_path / "log"
    with pytest.raises(SubmissionFailed) as failed:
        installer.build(["esr_hostile"], log)
    assert failed.value.stage == "environment"
    printed = log.read_text()
    assert printed.count("REFUSED") >= 3
    assert "DONE" not in printed
    assert not hr.parent.joinpath("x").exists()
    assert not (ROOT / "esr" / "x.py").exists()
    assert not list((tmp_path / "shelf").glob("*"))


REPLACES = """
import os, setuptools, subprocess, sys
WAITS = (
    "import glob, os, sys, time\\n"
    "for _ in range(20_000):\\n"
    "    time.sleep(0.001)\\n"
    "    for site in glob.glob(sys.argv[1] + '/environment/lib/python3*/site-packages'):\\n"
    "        for listed in glob.glob(site + '/esr_hostile-*/RECORD'):\\n"
    "            if 'REQUESTED' in open(listed).read():\\n"
    "                os.rename(site, site + '-before')\\n"
    "                os.symlink(sys.argv[2], site)\\n"
    "                raise SystemExit\\n"
)
command = [sys.executable, "-c", WAITS, os.path.dirname(os.environ["HOME"]), {victim!r}]
nowhere = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
subprocess.Popen(command, start_new_session=True, **nowhere)
setuptools.setup(name="esr_hostile", version="1.0", py_modules=[])
"""


def test_a_link_in_the_place_of_packages_is_not_followed(tmp_path: Path) -> None:
    """What a setup.py leaves running waits until all is installed, and names another folder."""
    victim, wheels = tmp_path / "victim", tmp_path / "wheels"
    victim.mkdir()
    (victim / "base.pth").write_text("precious")
    package = wheels / "esr_hostile-1.0"
    package.mkdir(parents=True)
    (package / "setup.py").write_text(REPLACES.replace("{victim!r}", repr(str(victim))))
    with tarfile.open(wheels / "esr_hostile-1.0.tar.gz", "w:gz") as archive:
        archive.add(package, package.name)
    installer = Installer(tmp_path / "shelf", (), AMPLE, wheels, Pip)
    with pytest.raises(SubmissionFailed, match="in the place of site-packages"):
        installer.build(["esr_hostile"], tmp_path / "log")
    assert (victim / "base.pth").read_text() == "precious"
    assert list((tmp_path / "shelf").iterdir()) == []


def test_a_file_for_the_tool_is_written_through_no_link(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    (tmp_path / "lock.txt").symlink_to("precious")
    place = ThinEnvironment(tmp_path, None, (), tmp_path / "log", AMPLE)
    assert place.write("lock.txt", "a==1").read_text() == "a==1"
    assert (tmp_path / "precious").read_text() == "x"


def test_the_help_names_the_flags_that_are_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        env_command(["prepare", "--help"])
    shown = capsys.readouterr().out
    for flag in ("--with", "--model_id", "--wheels", "--timeout", "--disk_limit"):
        assert re.search(rf"^  {flag} ", shown, re.MULTILINE)
    assert "--repeats" not in shown
