"""What a challenge does beyond what a protocol file can say: a class with a method for each moment.

The main line calls the hooks of its protocol and knows no challenge by name. A challenge with hooks
of its own is a folder `esr/challenge/NAME/` whose module `NAME_hooks` holds them as `HOOKS`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:  # Only the worker may import it.
    from torch import nn


@dataclass(frozen=True)
class HandedIn:
    """A submission archive that has been unpacked."""

    model_id: int
    name: str
    model_file: Path
    """Its folder is all that the worker needs to see."""
    checkpoint: Path | None = None
    """The file whose hash stands for the weights."""
    problem: str = ""
    """Why it cannot be measured."""


@dataclass(frozen=True)
class RestoredImage:
    """An image that the network of a submission has restored here."""

    name: str
    """HR file name."""
    hr: Path
    """uint8 RGB (H, W, 3), as .npy."""
    scores: Mapping[str, float]
    """By name in `esr.images.metrics.METRICS`."""


class ChallengeHooks:
    """Those of a challenge that has no more than a protocol file."""

    archives_of: str = ""
    """Title of the challenge, if what is submitted to it is a zip archive."""

    def unpack(self, archive: Path, folder: Path) -> HandedIn:
        """Unpack a submission archive into an empty folder; one that is no good says why."""
        raise NotImplementedError

    def build_network(self, model_file: Path) -> nn.Module:
        """Build the network of an unpacked archive, weights included; in the worker."""
        raise NotImplementedError

    def compare_handed_in(self, model_file: Path, images: Sequence[RestoredImage]) -> list[str]:
        """Say how SR images in an unpacked archive differ from those of its network."""
        del model_file, images
        return []

    def bicubic_psnr_db(self, images: Sequence[tuple[Path, Path]], scale: int) -> float | None:
        """Mean RGB PSNR in dB of what scores are relative to, of (LR, HR) .npy; None without."""
        del images, scale
        return None


def hooks_of(challenge: str | None) -> ChallengeHooks:
    """Import the hooks of a challenge; those of None do nothing."""
    if challenge is None:
        return ChallengeHooks()
    module = importlib.import_module(f"esr.challenge.{challenge}.{challenge}_hooks")
    return cast(ChallengeHooks, module.HOOKS)
