"""What the checkpoints of `model_zoo/` score on public test sets, measured by `test_demo.py`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from esr.base import json_file
from esr.base.errors import UserError
from esr.base.house import ROOT
from esr.base.sha256 import hash_file
from esr.base.threads import in_parallel
from esr.datasets.image_folders import OWN, find_set
from esr.datasets.image_pairs import ImagePair, require_pairs
from esr.datasets.prepare_lr import prepare
from esr.images.image_file import imread_uint
from esr.images.official_image import calculate_psnr, modcrop
from esr.images.resample import imresize_uint8
from esr.records.record import Record, read_record
from esr.records.split_result import SplitResult
from esr.submissions.discovery import adapt, discover
from esr.submissions.public_checkpoints import read_zoo, use_public_checkpoint
from esr.submissions.submission import Submission

ZOO = ROOT / "model_zoo"
RECORDS = ZOO / "records.json"
DEMO = ROOT / "data" / "demo"
SETS = ("demo", "Set5", "Set14", "B100", "Urban100")


@dataclass(frozen=True)
class SetQuality:
    """Mean RGB PSNR on one data set, in dB, of uint8 images without a border of `scale` pixels."""

    dataset: str
    images: int
    psnr_db: float
    bicubic_db: float
    authors_db: float | None
    """Of the authors' own checkpoint in the same form; None where there is none."""


@dataclass(frozen=True)
class CheckpointQuality:
    """What was measured of one checkpoint."""

    checkpoint: str
    """File name in `model_zoo/`."""
    sha256: str
    model_id: int
    form: str | None
    scale: int
    params: int
    authors_file: str | None
    """Name in `model_zoo/public.toml`."""
    authors_sha256: str | None
    sets: list[SetQuality]
    date: str
    git_commit: str | None
    device_name: str
    torch: str


def update_records(data_dir: Path, checkpoint_dir: Path, ids: Sequence[int] | None) -> None:
    """Measure the checkpoints of these submissions, or all, and keep each result at once."""
    for submission in shipped().values():
        if ids is None or submission.model_id in ids:
            quality = measure(submission, data_dir, checkpoint_dir)
            json_file.dump(merge(load_records(), [quality]), RECORDS)


def load_records() -> list[CheckpointQuality]:
    """Read what was measured before."""
    return json_file.load(list[CheckpointQuality], RECORDS) if RECORDS.exists() else []


def shipped(root: Path = ROOT) -> dict[str, Submission]:
    """Find the submission, in the form, that each checkpoint of `model_zoo/` belongs to."""
    found: dict[str, Submission] = {}
    for entry in discover(root):
        if not isinstance(entry, Submission):
            raise UserError(entry.reason, where=entry.model_file)
        for form in entry.sidecar.forms or (None,):
            chosen = adapt(entry, None, form)
            assert isinstance(chosen, Submission)
            if chosen.checkpoint is not None:
                found.setdefault(chosen.checkpoint.name, chosen)
    return found


def measure(submission: Submission, data_dir: Path, checkpoint_dir: Path) -> CheckpointQuality:
    """Measure a shipped checkpoint, and its authors' where there is one, on every set.

    Args:
        submission: in the form that the checkpoint belongs to.
        data_dir: folder of `Set5/HR` and so on; LR of a scale that is absent is made.
        checkpoint_dir: folder of the authors' checkpoints.
    """
    assert submission.checkpoint is not None, "only what is shipped is measured"
    public = use_public_checkpoint(submission, checkpoint_dir, read_zoo(ZOO / "public.toml"))
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        for name, origin in {"demo": DEMO, **{name: data_dir / name for name in SETS[1:]}}.items():
            lay_out(origin, data / name, submission.sidecar.scale)
        ours = _evaluate(submission, data)
        authors = _evaluate(public, data) if public.checkpoint else None
        sets = [
            SetQuality(
                split.dataset,
                len(split.images),
                _psnr(split),
                bicubic_psnr(data / split.dataset, submission.sidecar.scale),
                _psnr(authors.splits[number]) if authors else None,
            )
            for number, split in enumerate(ours.splits)
        ]
    return CheckpointQuality(
        checkpoint=submission.checkpoint.name,
        sha256=ours.provenance.checkpoint_sha256,
        model_id=submission.model_id,
        form=submission.form,
        scale=submission.sidecar.scale,
        params=ours.counts.network_params,
        authors_file=authors.provenance.checkpoint if authors else None,
        authors_sha256=authors.provenance.checkpoint_sha256 if authors else None,
        sets=sets,
        date=ours.provenance.date,
        git_commit=ours.provenance.git_commit,
        device_name=ours.machine.device_name,
        torch=ours.machine.torch,
    )


def _psnr(split: SplitResult) -> float:
    score = split.score("psnr")
    assert score is not None, "every run calculates PSNR"
    return score


def _evaluate(submission: Submission, data: Path) -> Record:
    where = ("--checkpoint", str(submission.checkpoint), "--device", "cpu", "--data_dir", str(data))
    record = run_test_demo(submission, *where, "--dataset", *SETS)
    if record is None:
        raise UserError("could not be measured, see above", where=submission.checkpoint)
    return record


def run_test_demo(submission: Submission, *arguments: str) -> Record | None:
    """Evaluate a submission in its form by `test_demo.py`; None if that failed."""
    command = [sys.executable, str(ROOT / "test_demo.py"), "--model_id", str(submission.model_id)]
    command += ["--form", submission.form] if submission.form else []
    with tempfile.TemporaryDirectory() as save_dir:
        command += [*arguments, "--save_dir", save_dir]
        if subprocess.run(command, check=False, stdout=sys.stderr).returncode != 0:
            return None
        return read_record(Path(save_dir) / "records" / f"{submission.label}.json")


def lay_out(origin: Path, target: Path, scale: int, step: int = 1) -> None:
    """Link a data set's HR, or every `step`-th image of it, and its LR, which is made if absent."""
    lr_folder = Path("LR_bicubic") / f"X{scale}"
    files = sorted((origin / "HR").glob("*.png"))[::step]
    if not files:
        raise UserError("no images here", where=origin / "HR")
    for place in [file.relative_to(origin) for file in files]:
        for image in (place, lr_folder / f"{place.stem}x{scale}.png"):
            # Another scale may have laid HR.
            if (origin / image).is_file() and not (target / image).exists():
                (target / image).parent.mkdir(parents=True, exist_ok=True)
                (target / image).symlink_to((origin / image).resolve())
    prepare(find_set(target, OWN, scale))


def bicubic_psnr(folder: Path, scale: int) -> float:
    """Mean RGB PSNR of bicubic upsampling on a data set, border `scale`, in dB."""
    pairs = require_pairs(find_set(folder, OWN, scale))

    def score(pair: ImagePair) -> float:
        hr = modcrop(imread_uint(pair.hr), scale)
        return calculate_psnr(imresize_uint8(imread_uint(pair.lr), scale), hr, border=scale)

    scores: list[float] = in_parallel(score, list(pairs))
    return sum(scores) / len(scores)


def merge(
    old: Sequence[CheckpointQuality], new: Sequence[CheckpointQuality]
) -> list[CheckpointQuality]:
    """Replace what is known of a checkpoint by what is new; what is gone is forgotten."""
    known = {quality.checkpoint: quality for quality in (*old, *new)}
    files = {name: ZOO / name for name in sorted(known) if (ZOO / name).is_file()}
    return [known[name] for name, file in files.items() if hash_file(file) == known[name].sha256]
