"""What `report.html` says of one submission beyond its row: crops, claims, flags, provenance."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from esr.base.visible_text import name, one_line
from esr.evaluate.detail_crops import PICTURES, Picture, picture_file
from esr.records.measurement import Machine
from esr.records.record import Crop, Record
from esr.records.split_result import SplitResult
from esr.report.board import Board, Line
from esr.report.cell import Cell
from esr.report.html.failed_run import FailedRun, describe_failure
from esr.report.html.html_table import SECTIONS, Badge, list_badges
from esr.report.html.pictures import Album
from esr.report.html.same_crops import Shot
from esr.report.layer_table import list_costs

Fact = tuple[str, str]
"""(title, text)"""

_CAPTIONS: dict[Picture, str] = {"bicubic": "bicubic", "sr": "SR", "hr": "HR"}


@dataclass(frozen=True)
class Detail:
    """A detail of one image."""

    crop: Crop
    image: str
    shots: tuple[Shot, ...]


@dataclass(frozen=True)
class SubmissionPart:
    """One submission on the page: its row, and what stands below the table."""

    line: Line
    anchor: str
    """Id of its part of the page."""
    section: int
    """Position among the sections of the table."""
    reason: str
    """Why it is not ranked; empty if it is."""
    badges: tuple[Badge, ...]
    empty: tuple[Fact, ...]
    """What is not known, and why."""
    facts: tuple[Fact, ...]
    """Its row, in full."""
    claims: tuple[tuple[str, Cell], ...]
    """(title of the column, measurement and claim)"""
    details: tuple[Detail, ...]
    robust: tuple[Fact, ...]
    provenance: tuple[Fact, ...]
    machine: tuple[Fact, ...]
    failed: FailedRun | None
    """How its latest run ended, if it failed."""
    layers: tuple[tuple[str, ...], ...]
    """A row a layer, if `--layers` measured them."""


def describe_submission(
    line: Line, number: int, board: Board, results: Path, album: Album
) -> SubmissionPart:
    """Gather what is known of a submission.

    Args:
        line: its line of the board.
        number: position of that line.
        board: the leaderboard.
        results: folder that holds `crops/` and `logs/`.
        album: the pictures; those that are not there are left out.
    """
    cells = list(zip((column.title for column in board.columns), line.cells, strict=True))
    record = line.standing.row.record
    return SubmissionPart(
        line=line,
        anchor=f"submission-{number}",
        section=list(SECTIONS).index(line.standing.section),
        reason=one_line(line.standing.reason or ""),
        badges=tuple(list_badges(line, board)),
        empty=tuple((one_line(cells[i][0]), reason) for i, reason in line.reasons.items()),
        facts=tuple(_list_facts(cells)),
        claims=tuple((title, cell) for title, cell in cells if cell.claim is not None),
        details=tuple(_list_details(record, results, album)) if record else (),
        robust=(
            (*_describe_steady(record.splits), *_describe_repeats(record.splits)) if record else ()
        ),
        provenance=tuple(_describe_provenance(record)) if record else (),
        machine=tuple(_describe_machine(record.machine)) if record else (),
        failed=describe_failure(line.standing.row, results),
        layers=tuple(map(list_costs, record.layers)) if record else (),
    )


def _list_facts(cells: Sequence[tuple[str, Cell]]) -> Iterator[Fact]:
    elsewhere = {"Model", "Checkpoint sha256", "Date", "Device", "Note", "Flags", "Output dtype"}
    for title, cell in cells:
        value = cell.value
        if value is None or title in elsewhere or title.startswith("Claimed "):
            continue
        yield one_line(title), one_line(value) if isinstance(value, str) else repr(value)


def list_detail_files(board: Board, results: Path) -> list[Path]:
    """List the pictures of everybody's worst and best image."""
    records = [line.standing.row.record for line in board.lines]
    return [
        picture_file(results, record.label, crop, picture)
        for record in records
        if record and _is_ours(record)
        for crop in _list_extremes(record)
        for picture in PICTURES
    ]


def _is_ours(record: Record) -> bool:
    """Tell whether a label is a file's name; one that holds a path is not ours."""
    return Path(record.label).name == record.label


def _list_extremes(record: Record) -> list[Crop]:
    return [crop for crop in record.crops if crop.choice in ("worst", "best")]


def _list_details(record: Record, results: Path, album: Album) -> Iterator[Detail]:
    if not _is_ours(record):
        return
    for crop in _list_extremes(record):
        sources = {
            picture: album.positions.get(picture_file(results, record.label, crop, picture))
            for picture in PICTURES
        }
        notes: dict[Picture, str] = {
            "bicubic": f" {crop.detail_bicubic_psnr_db:.2f} dB",
            "sr": f" {crop.detail_psnr_db:.2f} dB",
            "hr": "",
        }
        shots = [
            Shot(_CAPTIONS[picture], source, notes[picture])
            for picture, source in sources.items()
            if source is not None
        ]
        if shots:
            yield Detail(crop, name(crop.image), tuple(shots))


def _describe_repeats(splits: Sequence[SplitResult]) -> Iterator[Fact]:
    for split in splits:
        if (robust := split.robust) is None:
            continue
        repeats = max(map(len, robust.samples_ms), default=0)
        yield (
            f"{split.role}: {one_line(split.dataset)}",
            f"{robust.mean_ms:.3f} ms, 95 % interval {robust.low_ms:.3f} to {robust.high_ms:.3f};"
            f" 90th percentile {robust.p90_ms:.3f}; {repeats} repeats of"
            f" {len(robust.samples_ms)} images",
        )


def _describe_steady(splits: Sequence[SplitResult]) -> Iterator[Fact]:
    for split in splits:
        if (steady := split.steady) is None:
            continue
        end = {"precision": "precise enough", "budget": "the time was spent"}[steady.ended]
        yield (
            f"{split.role}: {one_line(split.dataset)}, steady",
            f"{steady.mean_ms:.3f} ms, 95 % interval {steady.low_ms:.3f} to {steady.high_ms:.3f};"
            f" {steady.rounds} rounds of {len(steady.blocks)} blocks; {end}",
        )


def _describe_provenance(record: Record) -> Iterator[Fact]:
    provenance = record.provenance
    dirty = {True: ", with changes that are not committed", False: "", None: ""}
    yield "Date", one_line(provenance.date)
    yield "Command", one_line(shlex.join(provenance.command), 2000)
    if provenance.git_commit:
        yield "Commit", f"{one_line(provenance.git_commit)}{dirty[provenance.git_dirty]}"
    yield "Model file", one_line(provenance.model_file)
    yield "its sha256", one_line(provenance.model_sha256)
    yield "Checkpoint", one_line(provenance.checkpoint)
    yield "its sha256", one_line(provenance.checkpoint_sha256)
    yield from _describe_clone(record)
    yield "Clock", record.clock
    yield "Output", one_line(record.output_dtype)


def _describe_clone(record: Record) -> Iterator[Fact]:
    if (fork := record.fork) is None:
        return
    yield "Clone", one_line(fork.path)
    yield "its commit", one_line(fork.git_commit or "")
    yield "Restored by", one_line(fork.facts.forward or "the harness's own rules")
    counts = (f"{function} {calls}" for function, calls in fork.facts.redirected.items())
    yield "Redirected to the CPU", one_line(", ".join(counts))


def _describe_machine(machine: Machine) -> Iterator[Fact]:
    yield "Device", one_line(f"{machine.device_name} ({machine.device})")
    yield "CPU", one_line(f"{machine.cpu}, {machine.num_threads} threads")
    yield "GPU", one_line(f"{machine.gpu}, driver {machine.driver}") if machine.gpu else ""
    cuda = f", CUDA {machine.cuda}, cuDNN {machine.cudnn}" if machine.cuda else ""
    yield "Software", one_line(f"Python {machine.python}, PyTorch {machine.torch}{cuda}")
    yield "System", one_line(machine.platform)
    switches = {
        "cudnn.benchmark": machine.cudnn_benchmark,
        "cudnn TF32": machine.cudnn_tf32,
        "matmul TF32": machine.matmul_tf32,
    }
    yield (
        "Switches",
        ", ".join(f"{switch} {'on' if on else 'off'}" for switch, on in switches.items()),
    )
