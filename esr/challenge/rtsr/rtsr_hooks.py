"""Where the Real-Time challenge of 2023 departs from the Efficient SR challenges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from esr.challenge.hooks import ChallengeHooks, HandedIn, RestoredImage
from esr.challenge.rtsr.handed_in_images import compare_images
from esr.challenge.rtsr.real_time_score import bicubic_psnr_db
from esr.challenge.rtsr.submission_archive import handed_in_images, unpack

if TYPE_CHECKING:
    from torch import nn


class RealTimeHooks(ChallengeHooks):
    """Archives with a network and its SR images; a score relative to bicubic interpolation."""

    archives_of = "the Real-Time challenge"

    def unpack(self, archive: Path, folder: Path) -> HandedIn:
        """Unpack `submission_ID.zip`."""
        return unpack(archive, folder)

    def build_network(self, model_file: Path) -> nn.Module:
        """Call the function of `arch.py` that returns the network."""
        from esr.challenge.rtsr.archive_network import import_arch

        return import_arch(model_file)

    def compare_handed_in(self, model_file: Path, images: Sequence[RestoredImage]) -> list[str]:
        """Compare `results/`, if there is one."""
        folder = handed_in_images(model_file)
        return compare_images(folder, images) if folder.is_dir() else []

    def bicubic_psnr_db(self, images: Sequence[tuple[Path, Path]], scale: int) -> float | None:
        """Measure P0, the zero of the score."""
        return bicubic_psnr_db(tuple(images), scale)


HOOKS = RealTimeHooks()
