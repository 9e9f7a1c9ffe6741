"""A competition made of a protocol and the data of its phases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from esr.base.errors import UserError
from esr.base.visible_text import one_line
from esr.challenge.protocol import Protocol
from esr.datasets.splits import Split
from esr.tools.codabench.competition_file import (
    Competition,
    CompetitionLeaderboard,
    CompetitionPhase,
    InformationPage,
    ScoringTask,
    choose_metrics,
    make_columns,
)
from esr.tools.codabench.information_pages import write_page
from esr.tools.codabench.phase_data import check_hr
from esr.tools.codabench.phase_dates import PhaseDates
from esr.tools.codabench.reference_data import Reference
from esr.tools.codabench.results_page import metric_title
from esr.tools.codabench.scoring_modules import program_files
from esr.tools.codabench.server_scores import INFINITE_DB
from esr.tools.codabench.starting_kit import make_kit, make_logo
from esr.tools.codabench.write_bundle import BundleFiles, below, reference_files

_TITLES = {"valid": "Validation", "test": "Test"}
_PAGES = {"overview": "Overview", "evaluation": "Evaluation", "upload": "Upload"}
_KIT, _PROGRAM = "starting_kit", "scoring_program"


@dataclass(frozen=True)
class BundleRequest:
    """What the organizer says; the rest follows from the protocol and the data."""

    title: str
    dates: tuple[PhaseDates, ...]
    """Of each phase."""
    uploads: tuple[tuple[int, ...], ...]
    """Of each phase, what a participant may upload (a day, in all)."""
    submission_rule: str
    time_limit_s: int
    docker_image: str
    metrics: tuple[str, ...] = ()
    """Further columns."""
    description: str | None = None
    contact_email: str | None = None
    logo: Path | None = None
    terms: Path | None = None
    queue: str | None = None


def make_competition(
    request: BundleRequest, protocol: Protocol, splits: Sequence[Split]
) -> tuple[Competition, BundleFiles]:
    """Make the competition and every file that it names.

    Raises:
        UserError: an image cannot be scored, or a file that was named cannot be used.
    """
    metrics = choose_metrics(protocol.metrics, request.metrics)
    references = [_reference(protocol, split, metrics) for split in splits]
    for split, reference in zip(splits, references, strict=True):
        check_hr(split, reference.comparison)
    logo, logo_content = _own_file(request.logo, "logo.png") or ("logo.png", make_logo())
    terms, terms_content = _own_file(request.terms, "pages/terms.md") or (
        "pages/terms.md",
        write_page("terms"),
    )
    competition = Competition(
        title=request.title,
        image=logo,
        terms=terms,
        docker_image=request.docker_image,
        pages=tuple(InformationPage(text, f"pages/{name}.md") for name, text in _PAGES.items()),
        tasks=tuple(map(_task, range(len(splits)), splits)),
        phases=tuple(_phase(number, split, request) for number, split in enumerate(splits)),
        leaderboards=(
            CompetitionLeaderboard(
                "Results", "results", request.submission_rule, make_columns(metrics)
            ),
        ),
        description=request.description,
        contact_email=request.contact_email,
        queue=request.queue,
    )
    program = program_files()
    files: dict[str, bytes | Path] = {
        logo: logo_content,
        terms: terms_content,
        **_pages(request, competition, references),
        **below(_PROGRAM, program),
        **below(_KIT, make_kit(request.title, references[0], program, protocol.noise)),
    }
    for split, reference in zip(splits, references, strict=True):
        hr = {pair.name: pair.hr for pair in split.pairs}
        files |= below(f"reference_{split.role}", reference_files(reference, hr))
    return competition, files


def _reference(protocol: Protocol, split: Split, metrics: tuple[str, ...]) -> Reference:
    names = tuple(pair.name for pair in split.pairs)
    return Reference(
        protocol=protocol.name,
        dataset=split.dataset,
        scale=split.scale,
        crop_px=protocol.crop_px or split.scale,
        border_px=protocol.border(split.scale),
        metrics=metrics,
        images=names,
    )


def _own_file(path: Path | None, name: str) -> tuple[str, Path] | None:
    if path is None:
        return None
    if not path.is_file():
        raise UserError("no such file", where=path)
    return str(Path(name).with_suffix(path.suffix.lower())), path


def _task(index: int, split: Split) -> ScoringTask:
    description = f"{len(split.pairs)} images of {one_line(split.dataset)}"
    return ScoringTask(index, _TITLES[split.role], description, _PROGRAM, f"reference_{split.role}")


def _phase(number: int, split: Split, request: BundleRequest) -> CompetitionPhase:
    per_day, total = request.uploads[number]
    dates = request.dates[number]
    return CompetitionPhase(
        index=number,
        name=_TITLES[split.role],
        description=f"SR of {one_line(split.dataset)}, {len(split.pairs)} images",
        start=dates.start,
        end=dates.end,
        tasks=(number,),
        max_submissions_per_day=per_day,
        max_submissions=total,
        execution_time_limit=request.time_limit_s,
        starting_kit=_KIT,
    )


def _pages(
    request: BundleRequest, competition: Competition, references: Sequence[Reference]
) -> dict[str, bytes]:
    phases = [
        {
            "name": phase.name,
            "dataset": one_line(reference.dataset),
            "images": len(reference.images),
            "start": phase.start,
            "end": phase.end,
            "per_day": phase.max_submissions_per_day,
            "total": phase.max_submissions,
        }
        for phase, reference in zip(competition.phases, references, strict=True)
    ]
    first = references[0]
    facts = {
        "title": one_line(request.title),
        "phases": phases,
        "protocol": first.protocol,
        "scale": first.scale,
        "crop": first.crop_px,
        "border": first.border_px,
        "metric_titles": [metric_title(name) for name in first.metrics],
        "columns": competition.leaderboards[0].columns,
        "infinite": f"{INFINITE_DB:g}",
    }
    return {f"pages/{name}.md": write_page(name, **facts) for name in _PAGES}
