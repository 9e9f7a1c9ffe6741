"""What is kept of a training, beside its checkpoint: `model_zoo/team09_MDRN.json`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class DataUsed:
    """One folder of HR images."""

    folder: str
    """As the recipe names it, below `--data_dir`: `CID22_train/HR`."""
    images: int
    """Images trained on, those held out not among them."""
    held_out: int
    """Images kept for validation."""


@dataclass(frozen=True)
class StageReport:
    """One stage of the recipe as it ran; each pruning step is one of its own."""

    name: str
    loss: str
    """`l1`, `l2` or `charbonnier`."""
    optimizer: str
    """With its parameters: `Adam, betas 0.9 and 0.99`."""
    schedule: str
    """`cosine from 0.001 to 1e-06, warm-up for 2 % of the steps`."""
    iterations: int
    batch_size: int
    hr_patch_px: int
    """Side of a crop in HR pixels."""
    minutes: float
    """Of training steps, validation left out."""
    params: int
    """Parameters of the network in training, which may be more than those of the checkpoint."""
    start: str
    """Where its weights came from: `scratch`, `previous`, `team00_RFDN.pth`."""


@dataclass(frozen=True)
class TrainingReport:
    """How a checkpoint of `model_zoo/` was made; the file has the checkpoint's name with `.json`.

    A fact that nobody recorded is None, never a guess.
    """

    checkpoint: str
    """File name in `model_zoo/`."""
    sha256: str
    size_bytes: int
    model: str
    """Stem of the model file: `team09_MDRN`."""
    scale: int
    recipe: str
    """`recipes/team09_MDRN.toml`."""
    profile: str
    """Profile of the recipe that was run, such as `cpu`; empty for the recipe as it stands."""
    program: str
    """What trained it: `train.py`, or which predecessor."""
    command: str
    git_commit: str | None
    date: str
    """When it ended, UTC, ISO 8601."""
    torch: str
    hardware: str
    threads: int
    seed: int
    minutes: float
    """Of training steps, all stages together."""
    data: list[DataUsed]
    stages: list[StageReport]
    held_out_psnr_db: float | None = None
    """Mean RGB PSNR of the images held out, border `scale`."""
    held_out_bicubic_db: float | None = None
    """The same for bicubic."""
    remarks: list[str] = field(default_factory=list)
    """What a reader should know, a sentence each, such as what differs from the factsheet."""
    version: int = 1
