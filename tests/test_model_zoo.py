"""The shipped checkpoints: all there, better than bicubic, and described by what was recorded."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from harness import Harness

from esr.base import json_file
from esr.base.errors import UserError
from esr.images.resample import imresize_uint8
from esr.records.record import Record
from esr.records.split_result import SplitResult
from esr.submissions.discovery import discover
from esr.submissions.public_checkpoints import read_zoo
from esr.submissions.submission import Submission
from esr.tools.pages import zoo_quality as quality
from esr.tools.pages.pages_command import zoo_page as page
from esr.tools.pages.zoo_quality import ZOO, load_records
from esr.tools.train.training_report import TrainingReport

EXPECTED = {
    0: "00_RFDN",
    1: "01_EDRN",
    5: "05_SRneXt",
    9: "09_MDRN",
    13: "13_PRFDN",
    16: "16_LKDN",
    2026: "2026_SPAN",
}
GAIN_DB = 0.5
"""By how much a checkpoint must beat bicubic to be worth shipping."""


def _checkpoints(root: Path) -> dict[str, str]:
    """SHA-256 of the files in model_zoo/, by name."""
    files = sorted((root / "model_zoo").glob("team*.pth"))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture(scope="module")
def data(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo set, and beside it what is there of Set5 and B100."""
    folder, shared = tmp_path_factory.mktemp("zoo_data"), root.parent / "shared" / "data"
    (folder / "demo").symlink_to(root / "data" / "demo")
    scales = {entry.sidecar.scale for entry in discover(root) if isinstance(entry, Submission)}
    for scale in scales if shared.is_dir() else ():
        quality.lay_out(shared / "Set5", folder / "Set5", scale)
        quality.lay_out(shared / "B100", folder / "B100", scale, step=10)
    return folder


@pytest.fixture(scope="module")
def measured(root: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    """Records of `--model_id all`, the demo set first."""
    harness = Harness(tmp_path_factory.mktemp("zoo") / "harness")
    for folder in ("models", "model_zoo"):
        shutil.copytree(root / folder, harness.path / folder, dirs_exist_ok=True)
    # At the official size they are counted in the tests of each network.
    harness.count_at(64)
    names = [name for name in ("demo", "Set5", "B100") if (data / name).is_dir()]
    done = harness.run(
        *("--model_id", "all", "--device", "cpu", "--repeats", "0", "--time_budget", "1"),
        *("--data_dir", str(data), "--dataset", *names),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    files = (harness.results / "records").glob("*.json")
    return {file.stem: json_file.load(Record, file) for file in files}


def _gain_db(split: SplitResult, folder: Path, scale: int) -> float:
    """Mean PSNR above bicubic upsampling, which is scored with OpenCV."""
    gains = []
    for image in split.images:
        hr = cv2.imread(str(folder / "HR" / image.name))
        lr_name = f"{Path(image.name).stem}x{scale}.png"
        lr = cv2.imread(str(folder / "LR_bicubic" / f"X{scale}" / lr_name))
        sr = imresize_uint8(lr, scale)
        inner = (slice(scale, sr.shape[0] - scale), slice(scale, sr.shape[1] - scale))
        gains.append(image.scores["psnr"] - cv2.PSNR(sr[inner], hr[inner]))
    return float(np.mean(gains))


def test_every_submission_has_its_checkpoint(root: Path) -> None:
    entries = [entry for entry in discover(root) if isinstance(entry, Submission)]
    assert {entry.model_id: entry.label for entry in entries} == EXPECTED
    assert [entry.problem for entry in entries if entry.checkpoint is None] == []


def test_the_checkpoints_are_small_and_not_their_authors(root: Path) -> None:
    hashes = _checkpoints(root)
    assert sum((root / "model_zoo" / name).stat().st_size for name in hashes) < 40e6
    public = {entry.sha256 for entry in read_zoo(root / "model_zoo" / "public.toml")}
    assert public.isdisjoint(hashes.values())


def test_the_checkpoints_are_what_the_readme_says_of_their_format(root: Path) -> None:
    for name in _checkpoints(root):
        state = torch.load(root / "model_zoo" / name, weights_only=True)
        assert {(value.dtype, value.device.type) for value in state.values()} == {
            (torch.float32, "cpu")
        }


def test_all_beat_bicubic_on_the_demo_set(root: Path, measured: dict[str, Record]) -> None:
    assert sorted(measured) == sorted(EXPECTED.values())
    assert {record.splits[0].dataset for record in measured.values()} == {"demo"}
    gains = {
        label: _gain_db(record.splits[0], root / "data" / "demo", record.sidecar.scale)
        for label, record in measured.items()
    }
    assert {label: gain for label, gain in gains.items() if gain < GAIN_DB} == {}


def test_all_beat_bicubic_on_set5_and_on_every_tenth_image_of_b100(
    shared: Path, data: Path, measured: dict[str, Record]
) -> None:
    gains = {
        (label, split.dataset): _gain_db(split, data / split.dataset, record.sidecar.scale)
        for label, record in measured.items()
        for split in record.splits[1:]
    }
    assert len(gains) == 2 * len(EXPECTED)
    assert {key: gain for key, gain in gains.items() if gain < GAIN_DB} == {}


def test_readme_is_what_the_records_say_of_the_files_that_are_there(root: Path) -> None:
    records = load_records()
    assert (ZOO / "README.md").read_text(encoding="utf-8") == page(records)
    hashes = _checkpoints(root)
    assert {record.checkpoint: record.sha256 for record in records} == hashes
    text = (ZOO / "README.md").read_text(encoding="utf-8")
    for name, sha256 in hashes.items():
        report_file = (root / "model_zoo" / name).with_suffix(".json")
        report = json_file.load(TrainingReport, report_file)
        assert (report.checkpoint, report.sha256) == (name, sha256)
        assert report.size_bytes == (root / "model_zoo" / name).stat().st_size
        section = text.split(f"## {name}\n")[1].split("\n## ")[0]
        assert f"`{sha256}`" in section
        assert f"{sum(stage.iterations for stage in report.stages):,}" in text


def test_figures_of_another_file_never_reach_the_readme() -> None:
    records = load_records()
    stale = replace(records[0], sha256="0" * 64)
    with pytest.raises(UserError, match="another file"):
        page([stale])
    gone = replace(records[0], checkpoint="team00_gone.pth")
    assert quality.merge(records, [gone]) == records
    assert quality.merge(records, [stale]) == records[1:]


def test_the_records_are_measurements_of_these_files(measured: dict[str, Record]) -> None:
    recorded = {record.sha256: record for record in load_records()}
    for record in measured.values():
        kept = recorded[record.provenance.checkpoint_sha256]
        assert (kept.form, kept.scale) == (record.form, record.sidecar.scale)
        assert kept.params == record.counts.params
        assert [result.dataset for result in kept.sets] == list(quality.SETS)
        demo = kept.sets[0]
        assert demo.psnr_db == pytest.approx(record.splits[0].score("psnr"), abs=0.005)


def test_bicubic_of_the_shared_sets_is_the_known_one(shared: Path) -> None:
    # ../shared/data/README.md, computed with another implementation of the resampler.
    known = {"Set5": 26.692, "Set14": 24.462}
    for name, psnr in known.items():
        assert quality.bicubic_psnr(shared / "data" / name, 4) == pytest.approx(psnr, abs=5e-4)


def test_lr_that_a_set_lacks_is_made_as_its_own_is(shared: Path, tmp_path: Path) -> None:
    set5 = shared / "data" / "Set5"
    for file in (set5 / "HR").glob("*.png"):
        (tmp_path / "bare" / "HR").mkdir(parents=True, exist_ok=True)
        (tmp_path / "bare" / "HR" / file.name).symlink_to(file)
    for scale in (2, 3, 4):
        folder, target = Path("LR_bicubic") / f"X{scale}", tmp_path / f"made{scale}"
        quality.lay_out(tmp_path / "bare", target, scale)
        for file in (set5 / folder).glob("*.png"):
            made = cv2.imread(str(target / folder / file.name))
            assert np.array_equal(made, cv2.imread(str(file)))
