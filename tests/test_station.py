"""A machine of a cluster that sees nothing of the one that began the run, or other things than it."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from harness import ROOT, nearest_state, tiny, write_pairs
from synthetic import synthetic_record

from esr.base.errors import UserError
from esr.evaluate.compare_machine import describe_machine, hash_clone
from esr.evaluate.errand import Errand, Task, name_data_files, pack
from esr.evaluate.further_process import flag_other_machine
from esr.evaluate.options import parse
from esr.evaluate.provenance import describe_request, list_settings, take_settings
from esr.evaluate.ray_station import Station
from esr.evaluate.staged_data import stage_all
from esr.evaluate.submission_run import RunSetting
from esr.measure.job import SubmissionFailed
from esr.records.record import Failure, Record
from esr.submissions.discovery import discover
from esr.submissions.environments.environment_lock import read_lock
from esr.submissions.submission import CloneSubmission, Entry

LOCK = f"# esr environment, Python 3.11, for: no_such==1\nno_such==1 --hash=sha256:{'0' * 64}\n"


@dataclass
class Run:
    """What the machine knows that begins the run."""

    folder: Path
    entries: list[Entry]
    setting: RunSetting

    @property
    def errand(self) -> Errand:
        options = self.setting.options
        files = name_data_files(options, self.setting.staged)
        likeness = describe_machine(self.entries, self.setting)
        return Errand(options, (*self.entries,), files, likeness)

    def data(self) -> dict[str, bytes]:
        folder = self.setting.options.data.data_dir
        return {name: (folder / name).read_bytes() for name in self.errand.data_files}

    def pack(self) -> Task:
        save_dir = self.setting.options.output.save_dir
        return pack(self.entries[0], None, save_dir, self.setting.policy.hidden)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of one submission."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return begin(tmp_path)


def begin(tmp_path: Path, *more: str) -> Run:
    """Write a submission that reads a file beside its own, and a data set; plan to measure it."""
    for name in ("models", "model_zoo", "hr", "jobs", "wheels"):
        (tmp_path / name).mkdir()
    reads = "from pathlib import Path\nassert Path(__file__).with_name('beside.txt').read_text()\n"
    (tmp_path / "models" / "team00_T.py").write_text(reads + tiny())
    (tmp_path / "models" / "beside.txt").write_text("it is here")
    torch.save(nearest_state(), tmp_path / "model_zoo" / "team00_T.pth")
    write_pairs(tmp_path / "data")
    flags = ["--engine", "ray", "--cpus_per_job", "1", "--device", "cpu", "--model_id", "0"]
    flags += ["--data_dir", str(tmp_path / "data"), "--save_dir", str(tmp_path / "results")]
    options = parse([*flags, *more], ROOT)
    entries: list[Entry] = [*discover(tmp_path)]
    staged = stage_all(entries, options.data, options.procedure, tmp_path / "hr")
    return Run(tmp_path, entries, RunSetting(options, staged, tmp_path / "jobs"))


def test_what_a_machine_does_not_see_is_sent(run: Run) -> None:
    errand, data, task = run.errand, run.data(), run.pack()
    for name in ("data", "models", "model_zoo"):
        (run.folder / name).rename(run.folder / f"elsewhere_{name}")
    station = Station(errand)
    assert station.open(None) is None
    try:
        assert station.open(data) == platform.node()
        delivery = station.evaluate(task)
    finally:
        station.close()
    assert isinstance(delivery.outcome, Record), delivery.outcome
    assert {"logs/00_T.log", "logs/devices.jsonl"} <= set(delivery.files)


def test_a_submission_has_there_the_environment_that_was_made_here(run: Run) -> None:
    lock = run.setting.options.output.save_dir / "environments" / "00_T.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text(LOCK)
    station = Station(run.errand)
    try:
        assert station.open(None) == platform.node()
        delivery = station.evaluate(run.pack())
    finally:
        station.close()
    # It is on no machine, which is said of the submission, as by any run.
    assert isinstance(delivery.outcome, Failure)
    assert delivery.outcome.stage == "environment"
    assert "its environment is gone" in delivery.outcome.reason
    assert delivery.files["environments/00_T.lock"] == LOCK.encode()


def _refusal(errand: Errand) -> str:
    station = Station(errand)
    with pytest.raises(UserError) as refused:
        station.open(None)
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{platform.node()}: ")
    return line


def test_another_version_of_the_harness_is_refused(run: Run) -> None:
    errand = run.errand
    other = replace(errand, likeness=replace(errand.likeness, code_sha256="0" * 64))
    assert "has another version of the harness" in _refusal(other)


def test_other_images_are_refused(run: Run) -> None:
    errand = run.errand
    (run.folder / "data" / "HR" / "a.png").write_bytes(
        (run.folder / "data" / "HR" / "b.png").read_bytes()
    )
    (run.folder / "data" / "LR_bicubic" / "X4" / "ax4.png").write_bytes(
        (run.folder / "data" / "LR_bicubic" / "X4" / "bx4.png").read_bytes()
    )
    assert "has other files of valid x4" in _refusal(errand)


def test_a_clone_that_is_not_there_or_another_one_is_refused(run: Run) -> None:
    clone = run.folder / "clone"
    (clone / "models").mkdir(parents=True)
    (clone / "test_demo.py").write_text("def select_model(args, device): ...\n")
    (clone / "models" / "net.py").write_text("WIDTH = 48\n")
    (clone / "weights.pth").write_bytes(b"1234")
    run.entries.append(CloneSubmission(3, "03_Net", clone))
    errand = run.errand
    assert list(errand.likeness.clones) == [clone]
    (clone / "models" / "net.py").write_text("WIDTH = 52\n")  # Of the same size.
    assert f"sees another {clone} than" in _refusal(errand)
    (clone / "models" / "net.py").write_text("WIDTH = 48\n")
    (clone / "weights.pth").write_bytes(b"12345")
    assert f"sees another {clone} than" in _refusal(errand)
    clone.rename(run.folder / "elsewhere")
    assert f"does not see the clone {clone}; put it at the same path" in _refusal(errand)


def test_what_git_and_python_write_into_a_clone_is_no_difference(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("WIDTH = 48\n")
    before = hash_clone(tmp_path)
    for name in (".git", "__pycache__"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "written").write_text(name)
    assert hash_clone(tmp_path) == before


def test_an_environment_that_is_here_and_not_there_is_refused(run: Run) -> None:
    lock = run.setting.options.output.save_dir / "environments" / "00_T.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text(LOCK)
    known = read_lock(lock)
    assert known is not None
    layer = run.setting.installer.layer(known)
    layer.mkdir(parents=True)
    errand = run.errand
    layer.rmdir()
    line = _refusal(errand)
    assert f"lacks the environment of 00_T, {layer}" in line
    assert "add --install" in line


def test_wheels_that_are_not_there_are_refused(run: Run) -> None:
    options = run.setting.options
    wheels = run.folder / "wheels"
    confinement = replace(options.confinement, install=True, wheels=wheels)
    errand = replace(run.errand, options=replace(options, confinement=confinement))
    wheels.rmdir()
    assert f"does not see the wheels {wheels}" in _refusal(errand)


def test_what_a_submission_names_as_its_own_and_is_not_is_never_sent(run: Run) -> None:
    """Sent, an HR image would be a checkpoint that everybody may read."""
    checkpoint = run.folder / "model_zoo" / "team00_T.pth"
    checkpoint.unlink()
    checkpoint.symlink_to(run.folder / "data" / "HR" / "a.png")
    with pytest.raises(SubmissionFailed):
        run.pack()


def test_what_a_link_in_models_leads_to_is_not_sent(run: Run) -> None:
    (run.folder / "models" / "hr.png").symlink_to(run.folder / "data" / "HR" / "a.png")
    task = run.pack()
    assert task.sources is not None
    assert sorted(task.sources.files) == ["beside.txt", "team00_T.py"]


def test_the_settings_that_are_recorded_are_those_that_stations_take(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MALLOC_ARENA_MAX"]
    for number, name in enumerate(names):
        monkeypatch.setenv(name, str(number + 1))
    here = list_settings()
    assert list(here) == sorted(names)
    options = run.setting.options
    asked = describe_request(
        options.procedure, options.output.files, interleave=None, cores=1, sandbox=False
    )
    assert all(f"{name}={value}" in asked.threads for name, value in here.items())
    for name in names:  # As Ray has them: one of its own, the others not at all.
        monkeypatch.delenv(name)
    monkeypatch.setenv("OMP_NUM_THREADS", "16")
    take_settings(here)
    assert list_settings() == here
    take_settings({})
    assert list_settings() == {}


def test_a_process_on_another_kind_of_machine_is_named() -> None:
    machine = synthetic_record(0, "T", ()).machine
    assert list(flag_other_machine(machine, replace(machine, num_threads=99))) == []
    other = replace(machine, device_name="NVIDIA H100", driver="560.1")
    (flag,) = flag_other_machine(machine, other)
    assert flag.name == "process_on_another_machine"
    assert f"device_name NVIDIA H100, the first {machine.device_name}" in flag.detail
    assert f"driver 560.1, the first {machine.driver}" in flag.detail
