"""Where the Real-Time challenge of 2023 departs from the Efficient SR challenges.

Source of the layout of a submission archive: README of eduardzamfir/NTIRE23-RTSR. `arch.py` defines
`srmodel()`, which returns the network with its weights; `utils/` is what it imports;
`checkpoint.pth` the weights; `results/` the SR images; `requirements.txt` further packages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from esr.base.archive_kind import SUFFIXES as ARCHIVE_SUFFIXES
from esr.base.errors import UserError
from esr.base.visible_text import one_line
from esr.base.zip_archive import DamagedZip, RefusedZip, ZipLimits, open_zip
from esr.challenge.hooks import ChallengeHooks, HandedIn, RestoredImage
from esr.challenge.rtsr.real_time_score import bicubic_psnr_db
from esr.images.image_file import imread_uint, read_size
from esr.images.official_image import calculate_psnr

if TYPE_CHECKING:
    from torch import nn

_MODEL_FILE = "arch.py"
_STEM = re.compile(r"submission_(\d{1,9})")


MEMBERS_AT_MOST = 20_000
BYTES_AT_MOST = 8 * 2**30
"""All members together; a hundred 4K results are 2 GiB."""
_FAULTS = {
    "files": f"holds more than {MEMBERS_AT_MOST} files",
    "bytes": "holds more bytes than any submission",
    **dict.fromkeys(("outside", "windows"), "would be written outside of the submission's folder"),
    "name": "has a name that cannot be used",
    "special": "is a link or another special file",
    "twice": "cannot be unpacked (two members are for one file)",
}
_SAME_DB = 0.01
"""Further apart than runs on different hardware, in either precision, come to be."""


class RealTimeHooks(ChallengeHooks):
    """Archives with a network and its SR images; a score relative to bicubic interpolation."""

    archives_of = "the Real-Time challenge"

    def unpack(self, archive: Path, folder: Path) -> HandedIn:
        """Unpack `submission_ID.zip` into `folder/unpacked`, and its SR images beside that."""
        stem = re.sub(r"[^A-Za-z0-9_.-]", "_", archive.stem)[:64] or "archive"
        match = _STEM.fullmatch(stem)
        model_id, name = (int(match[1]), "submission") if match else (0, stem)
        code = folder / "unpacked"
        handed_in = HandedIn(model_id, name, code / _MODEL_FILE)
        try:
            code.mkdir()
            extract(archive, code)
            if not handed_in.model_file.is_file():
                raise UserError(_no_model_file(code), where=archive.name)
            checkpoint = _checkpoint(code, archive)
        except UserError as error:
            return replace(handed_in, problem=str(error))
        if (code / "results").is_dir():
            # Out of reach: what was handed in is compared after the network has run.
            (code / "results").rename(_handed_in(handed_in.model_file))
        return replace(handed_in, checkpoint=checkpoint)

    def build_network(self, model_file: Path) -> nn.Module:
        """Call `srmodel()`."""
        from esr.challenge.rtsr.archive_network import import_arch

        return import_arch(model_file)

    def compare_handed_in(self, model_file: Path, images: Sequence[RestoredImage]) -> list[str]:
        """Say what an organizer would find who compares `results/` with an own run."""
        folder = _handed_in(model_file)  # PNG images named like GT.
        if not folder.is_dir():
            return []
        unusable, pairs_db = [], []
        for image in images:
            file = folder / f"{Path(image.name).stem}.png"
            try:
                pairs_db.append((_psnr(file, np.load(image.hr)), image.scores["psnr_rgb"]))
            except UserError as error:
                unusable.append(f"results/{file.name} {error.what}")
        more = f" ({len(unusable) - 1} more images like this)" if len(unusable) > 1 else ""
        details = [f"{detail}{more}" for detail in unusable[:1]]
        if not pairs_db:
            return details
        theirs_db, ours_db = (sum(values) / len(values) for values in zip(*pairs_db, strict=True))
        # Equal as well where both are infinite.
        if theirs_db == ours_db or abs(theirs_db - ours_db) <= _SAME_DB:
            return details
        what = f"results/ has {theirs_db:.3f} dB (RGB) on {len(pairs_db)} images"
        return [*details, f"{what}, the network {ours_db:.3f} dB when run here"]

    def bicubic_psnr_db(self, images: Sequence[tuple[Path, Path]], scale: int) -> float | None:
        """Measure P0, the zero of the score."""
        return bicubic_psnr_db(tuple(images), scale)


def _handed_in(model_file: Path) -> Path:
    return model_file.parent.with_name("handed_in")


def _no_model_file(folder: Path) -> str:
    inner = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in ARCHIVE_SUFFIXES]
    if inner:
        name = one_line(inner[0].name, 60)
        return f"holds no {_MODEL_FILE} at its top, but the archive {name}; hand in that one itself"
    deeper = sorted(folder.glob(f"*/{_MODEL_FILE}"))
    where = f", but in {deeper[0].parent.name}/" if deeper else ""
    return f"holds no {_MODEL_FILE} at its top{where}; zip the files, not their folder"


def _checkpoint(folder: Path, archive: Path) -> Path:
    weights = sorted(folder.glob("*.pth"))
    if not weights:
        raise UserError("holds no checkpoint.pth at its top", where=archive.name)
    # Which of several is used is for srmodel() to say; the hash is of the usual one.
    return next((path for path in weights if path.name == "checkpoint.pth"), weights[0])


def extract(archive: Path, target: Path, bytes_at_most: int = BYTES_AT_MOST) -> None:
    """Unpack an archive.

    Args:
        archive: any file.
        target: an empty folder.
        bytes_at_most: what may come out of it.

    Raises:
        UserError: it is no zip file, holds something that is refused, or is damaged; then what
            was unpacked before stays in `target`.
    """
    try:
        with open_zip(archive, ZipLimits(MEMBERS_AT_MOST, bytes_at_most)) as opened:
            for member in opened.members.values():
                opened.unpack(member, target)
    except RefusedZip as refused:
        first = "".join(f"'{one_line(name, 60)}' " for name in refused.names[:1])
        raise UserError(f"{first}{refused.say(_FAULTS)}", where=archive.name) from refused
    except DamagedZip as error:
        raise UserError(f"is no sound zip file ({error})", where=archive.name) from error
    except OSError as error:
        raise UserError(f"cannot be unpacked ({error})", where=archive.name) from error


def _psnr(file: Path, hr: np.ndarray) -> float:
    if not file.is_file():
        raise UserError("is missing")
    try:
        width, height = read_size(file)
    except UserError as error:
        raise UserError("cannot be decoded") from error
    if (height, width) != hr.shape[:2]:
        raise UserError(f"is {width}x{height} px, GT {hr.shape[1]}x{hr.shape[0]}")
    return calculate_psnr(imread_uint(file), hr)


HOOKS = RealTimeHooks()
