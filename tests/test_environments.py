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
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from harness import nearest_state, tiny

from esr.base.errors import UserError
from esr.evaluate.build_environment import Installer
from esr.evaluate.pip_tool import Pip
from esr.evaluate.submission_environment import find_environment, lock_file, make_environment
from esr.evaluate.thin_environment import PackageTool
from esr.evaluate.uv_tool import find_uv
from esr.measure.job import SubmissionFailed
from esr.submissions.environments.environment_lock import read_lock
from esr.submissions.environments.stated_requirements import parsed, requirements_of
from esr.submissions.sidecar import Sidecar
from esr.submissions.submission import Submission
from esr.tools.env_command import main as env_command


def write_wheel(
    folder: Path, version: str, requires: str = "", name: str = "esr_colour", payload: bytes = b""
) -> Path:
    """Make a wheel of one module, which knows its version (packaging.python.org, binary format)."""
    info = f"{name}-{version}.dist-info"
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    listed = [*files, f"{name}.bin", f"{info}/RECORD"]
    files[f"{info}/RECORD"] = "".join(f"{each},,\n" for each in listed)
    folder.mkdir(exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{name}.bin", payload)
    return wheel


def submission(tmp_path: Path, number: int = 1, requirements: tuple[str, ...] = ()) -> Submission:
    """Write a submission that imports the package."""
    for folder in ("models", "model_zoo"):
        (tmp_path / folder).mkdir(exist_ok=True)
    file = tmp_path / "models" / f"team{number:02d}_Net.py"
    file.write_text("import esr_colour\n" + tiny())
    checkpoint = tmp_path / "model_zoo" / f"team{number:02d}.pth"
    torch.save(nearest_state(), checkpoint)
    return Submission(number, "Net", file, checkpoint, Sidecar(requirements=requirements))


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
    return Installer(tmp_path / "shelf", (), wheels, 600, find_tool)


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
    # Port 9 of this machine: nobody listens there.
    for tool, index in (("PIP", "INDEX_URL"), ("UV", "DEFAULT_INDEX")):
        monkeypatch.setenv(f"{tool}_{index}", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    installer = Installer(tmp_path / "shelf", (), None, 600, find_tool)
    log = tmp_path / "log"
    with pytest.raises(SubmissionFailed, match="no network: ") as failed:
        installer.build(["esr_colour"], log)
    assert failed.value.stage == "environment"
    assert log.read_bytes()


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


HOSTILE = """
import os, pathlib, setuptools, time
for attempt in {attempts!r}:
    try:
        exec(attempt)
        print("DONE", attempt)
    except OSError as error:
        print("REFUSED", attempt)
if {hangs}:
    time.sleep(10_000)
raise SystemExit("tired")
"""


def write_source(folder: Path, attempts: list[str], *, hangs: bool) -> None:
    """Make a source package whose setup.py tries what it should not, then hangs or fails."""
    package = folder / "esr_hostile-1.0"
    package.mkdir(parents=True)
    (package / "setup.py").write_text(HOSTILE.format(attempts=attempts, hangs=hangs))
    (package / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: esr_hostile\nVersion: 1.0\n")
    with tarfile.open(folder / "esr_hostile-1.0.tar.gz", "w:gz") as archive:
        archive.add(package, package.name)


@pytest.mark.parametrize("hangs", [False, True])
def test_a_setup_that_is_hostile_or_hangs_costs_one_row(
    tmp_path: Path, find_tool: Finder, hangs: bool
) -> None:
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
    write_source(wheels, attempts, hangs=hangs)
    timeout_s = 8 if hangs else 600
    installer = Installer(tmp_path / "shelf", (tmp_path / "data",), wheels, timeout_s, find_tool)
    log = tmp_path / "log"
    with pytest.raises(SubmissionFailed) as failed:
        installer.build(["esr_hostile"], log)
    assert failed.value.stage == "environment"
    printed = log.read_text()
    assert printed.count("REFUSED") >= 3 or hangs
    assert "DONE" not in printed
    assert not hr.parent.joinpath("x").exists()
    assert not (ROOT / "esr" / "x.py").exists()
    assert not list((tmp_path / "shelf").glob("*"))


def test_the_help_names_the_flags_that_are_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        env_command(["prepare", "--help"])
    shown = capsys.readouterr().out
    for flag in ("--with", "--model_id", "--wheels", "--timeout", "--disk_limit"):
        assert re.search(rf"^  {flag} ", shown, re.MULTILINE)
    assert "--repeats" not in shown
