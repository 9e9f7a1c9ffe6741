"""`competition.yaml`: its parts under the names that the server reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from esr.images.metrics import METRICS
from esr.images.perceptual_names import NAMES as PERCEPTUAL
from esr.tools.codabench.results_page import metric_title
from esr.tools.codabench.server_scores import EXTRA_DATA, ON_CPU, RUNTIME


@dataclass(frozen=True)
class InformationPage:
    """One page of the competition; `file` is relative to the bundle."""

    title: str
    file: str


@dataclass(frozen=True)
class ScoringTask:
    """What one phase runs."""

    index: int
    name: str
    description: str
    scoring_program: str
    reference_data: str


@dataclass(frozen=True)
class CompetitionPhase:
    """One phase; dates are UTC."""

    index: int
    name: str
    description: str
    start: str
    end: str
    tasks: tuple[int, ...]
    max_submissions_per_day: int
    max_submissions: int
    execution_time_limit: int
    """Seconds; the default queue allows no more than 600."""
    starting_kit: str
    public_data: str | None = None


@dataclass(frozen=True)
class LeaderboardColumn:
    """One column, in the order of `index`."""

    title: str
    key: str
    index: int
    sorting: str
    precision: int


@dataclass(frozen=True)
class CompetitionLeaderboard:
    """The one leaderboard; all phases have its columns."""

    title: str
    key: str
    submission_rule: str
    columns: tuple[LeaderboardColumn, ...]
    primary_index: int = 0


@dataclass(frozen=True)
class Competition:
    """A whole file."""

    title: str
    image: str
    terms: str
    docker_image: str
    pages: tuple[InformationPage, ...]
    tasks: tuple[ScoringTask, ...]
    phases: tuple[CompetitionPhase, ...]
    leaderboards: tuple[CompetitionLeaderboard, ...]
    description: str | None = None
    contact_email: str | None = None
    queue: str | None = None
    enable_detailed_results: bool = True
    show_detailed_results_in_leaderboard: bool = False
    """Else everybody would see how everybody's images score."""
    version: int = field(default=2, kw_only=True)

    def content(self) -> dict[str, Any]:
        """List what is set, by the names of the server, `version` first."""
        content = _without_none(asdict(self))
        return {"version": content.pop("version"), **content}


def _without_none(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_none(item) for item in value]
    return value


def choose_metrics(always: Sequence[str], further: Sequence[str] = ()) -> tuple[str, ...]:
    """Choose the metrics of a leaderboard, the one that ranks first.

    Args:
        always: those that a protocol always calculates. Where a PSNR is among them, it ranks, and
            the official pair does not count; else PSNR and SSIM of RGB come first.
        further: more of them.

    Returns:
        Metrics of fidelity alone: the others need networks.
    """
    fidelity = [name for name in always if name not in PERCEPTUAL]
    own = [name for name in fidelity if METRICS[name].unit == "dB"]
    first = own[:1] or ["psnr", "ssim"]
    return tuple(name for name in dict.fromkeys((*first, *fidelity, *further)))


def make_columns(metrics: Sequence[str]) -> tuple[LeaderboardColumn, ...]:
    """List the columns: the metrics, then what participants say of themselves."""
    scored = [
        (metric_title(name), name, "desc" if METRICS[name].higher_is_better else "asc", decimals)
        for name in metrics
        for decimals in (METRICS[name].decimals,)
    ]
    stated = [
        ("Runtime per image [s], stated", RUNTIME, "asc", 3),
        ("CPU [1] / GPU [0], stated", ON_CPU, "asc", 0),
        ("Extra data [1] / none [0], stated", EXTRA_DATA, "asc", 0),
    ]
    return tuple(
        LeaderboardColumn(title, key, index, sorting, precision)
        for index, (title, key, sorting, precision) in enumerate([*scored, *stated])
    )
