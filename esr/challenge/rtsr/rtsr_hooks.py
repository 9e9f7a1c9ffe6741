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

from esr.base.errors import UserError
from esr.challenge.hooks import ChallengeHooks, HandedIn, RestoredImage
from esr.challenge.rtsr.handed_in_images import compare_images
from esr.challenge.rtsr.real_time_score import bicubic_psnr_db
from esr.challenge.rtsr.unpack_archive import extract

if TYPE_CHECKING:
    from torch import nn

_MODEL_FILE = "arch.py"
_STEM = re.compile(r"submission_(\d{1,9})")


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
        """Compare `results/`, if there is one."""
        folder = _handed_in(model_file)
        return compare_images(folder, images) if folder.is_dir() else []

    def bicubic_psnr_db(self, images: Sequence[tuple[Path, Path]], scale: int) -> float | None:
        """Measure P0, the zero of the score."""
        return bicubic_psnr_db(tuple(images), scale)


def _handed_in(model_file: Path) -> Path:
    return model_file.parent.with_name("handed_in")


def _no_model_file(folder: Path) -> str:
    deeper = sorted(folder.glob(f"*/{_MODEL_FILE}"))
    where = f", but in {deeper[0].parent.name}/" if deeper else ""
    return f"holds no {_MODEL_FILE} at its top{where}; zip the files, not their folder"


def _checkpoint(folder: Path, archive: Path) -> Path:
    weights = sorted(folder.glob("*.pth"))
    if not weights:
        raise UserError("holds no checkpoint.pth at its top", where=archive.name)
    # Which of several is used is for srmodel() to say; the hash is of the usual one.
    return next((path for path in weights if path.name == "checkpoint.pth"), weights[0])


HOOKS = RealTimeHooks()
