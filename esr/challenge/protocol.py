"""One challenge: data sets, degradation, call, metrics, gates, tracks. `protocols/*.toml`.

Source: the official repositories of 2022 to 2026, and those of the sister challenges. Between the
years only the data sets, the FLOPs counter and the ranking differ; another challenge has another
scale, degradation, way of being called and metrics. All of it is data, one file each.
"""

from __future__ import annotations

from dataclasses import field
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field
from pydantic.dataclasses import dataclass as validated

from esr.base.toml_file import STRICT, check_tables, read_tables
from esr.challenge.hooks import ChallengeHooks, hooks_of

FlopsCounter = Literal["official", "fvcore"]

COMPLEXITY_INPUT = (3, 256, 256)
"""(channels, height, width) of the input that parameters and operations are counted for."""

TILE_OVERLAP_PX = 32
"""LR pixels shared by neighbouring tiles when a submission is tiled."""

DEFAULT_PROTOCOL = "ntire2026"

TableCost = Literal[
    "ave_time_ms",
    "params_m",
    "flops_g",
    "activations_m",
    "memory_mib",
    "num_conv",
]
"""Of the official table's columns, those of which less is better."""

FigureName = Literal["val_psnr_db", "test_psnr_db", "val_time_ms", "test_time_ms", TableCost]
"""The official table's columns, with their units."""

Cost = Literal[TableCost, "fixed_time_ms"]
"""Figures that a track may rank by; less is better. The last is the runtime of the fixed input."""

MetricMean = Literal[
    "psnr_db",
    "ssim",
    "psnr_y_x4_db",
    "ssim_y_x4",
    "lpips",
    "dists",
    "niqe",
    "musiq",
    "maniqa",
    "clipiqa",
]
"""Means of a metric (`esr.images.metrics`) over the test set if there is one, else the first."""

Quality = Literal["psnr_rgb_db", "bicubic_psnr_db"] | MetricMean
"""The first two: mean RGB PSNR of the network and of bicubic interpolation, of the same set."""

QUALITY: tuple[Quality, ...] = (*get_args(get_args(Quality)[0]), *get_args(MetricMean))
"""The same by their names."""

Call = Literal["select_model", "main"]
"""How a submission is called: `select_model` returns a network that is given one image after the
other; or a function of the submission, `main(model_dir, input_path, output_path, device)`, reads a
folder of images and writes one."""

RankFigure = Cost | Quality

_TRACK_TITLES = {"flops": "FLOPs", "params": "Parameters", "complexity": "Model complexity"}
"""Of tracks whose names do not say enough."""

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


@validated(frozen=True, config=STRICT)
class PsnrGate:
    """PSNR below which a submission is not ranked; table `[gate]`."""

    val_psnr_db: Finite
    test_psnr_db: Finite
    decimals: Annotated[int, Field(ge=0)] | None = None
    """Digits to which a PSNR is rounded before it is compared, as the official table prints it;
    None compares it as it was measured."""


@validated(frozen=True, config=STRICT)
class BudgetGate:
    """Most that a ranked submission may cost, at `Protocol.complexity_input`; table `[budget]`."""

    params_m: Positive | None = None
    flops_g: Positive | None = None
    """Multiply-adds, by the challenge's counter."""

    def __post_init__(self) -> None:
        if self.params_m is None and self.flops_g is None:
            raise ValueError("a budget limits params_m, flops_g or both")


@validated(frozen=True, config=STRICT)
class NoiseRule:
    """How LR is made of HR where it is HR with noise; table `[noise]`.

    Official recipe: `esr.datasets.noise`.
    """

    sigma: Positive
    """Standard deviation of the Gaussian noise, in grey levels of 255."""
    seed: int
    """Of the harness: officially there is none."""


@validated(frozen=True, config=STRICT)
class Baseline:
    """The network that scores are relative to; table `[baseline]`."""

    model_id: int
    name: str
    """What its label begins with, after the id."""
    published: dict[FigureName, Positive]
    """Its figures in the official table, where they are known."""
    hardware: str | None = None
    """GPU that the published runtime was measured on."""
    shipped_id: int | None = None
    """Its id in models/, where it ships; the official one is another year's baseline there."""


@validated(frozen=True, config=STRICT)
class Track:
    """One ranking; table `[[tracks]]`. What each score is, see `esr.rank.scores`."""

    name: str
    score: str
    """Name of the formula, in `esr.rank.scores.SCORES`."""
    terms: Annotated[dict[RankFigure, Positive], Field(min_length=1)]
    """Figures that count, with their weights."""
    ranked_apart: tuple[tuple[RankFigure, ...], ...] = ()
    """The same figures in groups, each of which makes a rank of its own, for `best_rank`."""
    not_worse_than_baseline: tuple[Cost, ...] = ()
    """Constraint of the announcement, which the published procedures do not apply."""
    scale: int | None = None
    """The only scale that competes; None for every one of the protocol's."""
    dataset: str | None = None
    """The only data set that counts; None for whatever was measured."""
    bicubic_psnr_db: Finite | None = None
    """PSNR of bicubic interpolation on `dataset`, as published; None where a term measures it."""

    def __post_init__(self) -> None:
        if self.bicubic_psnr_db is not None and self.dataset is None:
            raise ValueError("bicubic_psnr_db is that of a dataset, which is missing")
        apart = [name for group in self.ranked_apart for name in group]
        if apart and sorted(apart) != sorted(self.terms):
            raise ValueError("ranked_apart must name each of the terms once")

    @property
    def title(self) -> str:
        """As people call it: `Runtime`, `FLOPs`, `x2 final`."""
        is_scale = self.name[:2] in ("x2", "x3", "x4")
        plain = self.name if is_scale else self.name[:1].upper() + self.name[1:]
        return _TRACK_TITLES.get(self.name, plain)


@validated(frozen=True, config=STRICT)
class FixedInputRule:
    """Runtime of one input of white noise instead of the images; table `[fixed_input]`."""

    sizes: dict[int, tuple[Count, Count]]
    """(height, width) by scale."""
    half: bool
    """Whether network and input are cast to float16; what counts then."""
    warmups: Count
    repeats: Count
    cpu_warmups: Count
    """On a CPU, whose figures are not comparable anyway."""
    cpu_repeats: Count


@validated(frozen=True, config=STRICT)
class Protocol:
    """One year's challenge."""

    flops_counter: FlopsCounter
    """The counter whose figure is published as FLOPs."""
    valid: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names of the validation set, as in `{name}_HR` and `{name}_LR`; the first found is used, and
    the gate is about the first."""
    test: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names of the test set, likewise."""
    tracks: Annotated[tuple[Track, ...], Field(min_length=1)]
    """The first one sorts the leaderboard."""
    title: str = ""
    """What people call the challenge; empty in a file that somebody wrote without it."""
    baseline: Baseline | None = None
    """None if no score is relative to a network."""
    hybrid_test: tuple[str, ...] = ("LSDIR_DIV2K_test",)
    """Names of the hybrid test set of 2023, likewise; its flag works in every year that has any."""
    scales: Annotated[tuple[int, ...], Field(min_length=1)] = (4,)
    border_px: Annotated[int, Field(ge=0)] | None = None
    """HR pixels left out on each side when images are compared; None for as many as the scale."""
    crop_px: Count | None = None
    """HR and LR are cropped to sides that are multiples of this (of this over the scale) when they
    are read, at the bottom and at the right; None: HR to multiples of the scale."""
    call: Call = "select_model"
    """How a submission to it is called."""
    complexity_input: tuple[Count, Count, Count] = COMPLEXITY_INPUT
    """(channels, height, width) of the input that parameters and operations are counted for."""
    noise: NoiseRule | None = None
    """None if LR is no noisy HR."""
    budget: BudgetGate | None = None
    """None if nothing limits what a submission costs."""
    challenge: str | None = None
    """Folder of `esr.challenge` that holds its hooks; None if this file says it all."""
    layouts: tuple[str, ...] = ()
    """Names in `datasets.toml` of how its sets lie on the disk; none for those of bicubic LR."""
    metrics: tuple[str, ...] = ()
    """Metrics that are always calculated, besides PSNR."""
    fixed_input: FixedInputRule | None = None
    """None if runtime is that of the images alone."""
    gate: PsnrGate | None = None
    """None if none is known."""
    unknown: tuple[str, ...] = ()
    """What could not be found out about this year, and what is done instead."""
    name: str = field(default="")
    """The file's name."""

    def __post_init__(self) -> None:
        names = [track.name for track in self.tracks]
        if len(set(names)) < len(names):
            raise ValueError("two tracks have the same name")
        if any((self.crop_px or scale) % scale for scale in self.scales):
            raise ValueError("crop_px must be a multiple of every scale")

    @property
    def hooks(self) -> ChallengeHooks:
        """What the challenge does that no file can say."""
        return hooks_of(self.challenge)

    def border(self, scale: int) -> int:
        """HR pixels left out on each side when images of a scale are compared."""
        return scale if self.border_px is None else self.border_px


@cache
def protocols() -> dict[str, Protocol]:
    """Read every year's file, by name.

    Raises:
        UserError: a file that is no TOML, or holds an unknown key or a wrong value.
    """
    folder = Path(__file__).parent / "protocols"
    return {path.stem: read_protocol(path) for path in sorted(folder.glob("*.toml"))}


def read_protocol(path: Path) -> Protocol:
    """Read one year's file.

    Raises:
        UserError: no TOML, an unknown key or a wrong value.
    """
    return check_tables(Protocol, read_tables(path, path) | {"name": path.stem}, path)
