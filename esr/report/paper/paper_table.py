"""Rows and columns of the comparison that papers print, and which figures may be compared.

PSNR and SSIM of Y, a border of the scale left out, as the tables of the field have them. A figure
is best, or second, among rows that were measured on the same files of a set (SHA-256); of rows
that were measured on others it is not said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from esr.base.did_you_mean import suggest
from esr.base.errors import UserError
from esr.base.visible_text import name
from esr.challenge.protocol import FlopsCounter
from esr.images.metrics import METRICS
from esr.records.official_results import GIGA, MEGA, published_flops, scaled
from esr.records.record import Record
from esr.records.results_folder import Row
from esr.records.split_result import SplitResult

QUALITIES = ("psnr_y", "ssim_y")
Mark = Literal["best", "second", "other files", ""]


@dataclass(frozen=True)
class PaperCell:
    """One figure on one set."""

    value: float | None
    """Not rounded; None where it was not measured."""
    text: str
    """As papers round it; empty where it was not measured."""
    mark: Mark = ""


@dataclass(frozen=True)
class PaperRow:
    """One network at one scale."""

    name: str
    scale: int
    params_m: float | None
    flops_g: float | None
    """Multiply-adds of an input of 3x256x256."""
    cells: tuple[PaperCell, ...]
    """A PSNR and an SSIM a set."""


@dataclass(frozen=True)
class PaperTable:
    """The comparison, sorted by scale, then by parameters."""

    sets: tuple[str, ...]
    rows: tuple[PaperRow, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What the figures cannot say themselves."""
        marks = {cell.mark for row in self.rows for cell in row.cells}
        counted = "Multi-Adds are those of an input of 3x256x256."
        others = "A dagger marks figures of other files of the set: not compared with the others."
        return (counted, *([others] if "other files" in marks else []))


def build_paper_table(
    rows: Sequence[Row], sets: Sequence[str], counter: FlopsCounter
) -> PaperTable:
    """Gather the figures.

    Args:
        rows: what is known of each submission; those without a record are left out.
        sets: names of data sets, in any case; none means all that were measured.
        counter: whose multiply-adds are shown.

    Raises:
        UserError: there is no such set, or nobody was measured on it by the metrics of papers.
    """
    records = [row.record for row in rows if row.record]
    chosen = _choose_sets(records, sets)
    _refuse_unmeasured(records, chosen)
    order = sorted(records, key=lambda r: (r.sidecar.scale, r.counts.params or 0, r.label))
    lines = [[*_list_cells(record, chosen)] for record in order]
    marks = [_mark_column(order, lines, column, chosen) for column in range(2 * len(chosen))]
    made = [
        PaperRow(
            _name(record),
            record.sidecar.scale,
            scaled(record.counts.params, MEGA),
            scaled(published_flops(record.counts, counter), GIGA),
            tuple(
                PaperCell(cell.value, cell.text, column[number])
                for cell, column in zip(cells, marks, strict=True)
            ),
        )
        for number, (record, cells) in enumerate(zip(order, lines, strict=True))
    ]
    return PaperTable(tuple(chosen), tuple(row for row in made if any(c.text for c in row.cells)))


def _name(record: Record) -> str:
    """Papers give no ids."""
    return name(record.label.partition("_")[2] or record.label)


def _choose_sets(records: Sequence[Record], sets: Sequence[str]) -> list[str]:
    known = list(dict.fromkeys(split.dataset for record in records for split in record.splits))
    if not known:
        raise UserError("holds no record of a data set", remedy="measure something first")
    by_case = {dataset.casefold(): dataset for dataset in known}
    for wanted in sets:
        if wanted.casefold() not in by_case:
            shown = ", ".join(map(name, known))
            raise UserError(
                f"nothing was measured on '{name(wanted)}'",
                where="--sets",
                remedy=suggest(wanted, known, f"choose among {shown}, or measure it: --dataset"),
            )
    return [by_case[wanted.casefold()] for wanted in dict.fromkeys(sets)] if sets else known


def _refuse_unmeasured(records: Sequence[Record], sets: Sequence[str]) -> None:
    splits = [split for r in records for split in r.splits if split.dataset in sets]
    if not any(split.score(metric) is not None for split in splits for metric in QUALITIES):
        raise UserError(
            "no PSNR or SSIM of Y was measured",
            where=", ".join(map(name, sets)),
            remedy=f"run test_demo.py with --metrics {' '.join(QUALITIES)}",
        )


def _find_split(record: Record, dataset: str) -> SplitResult | None:
    return next((split for split in record.splits if split.dataset == dataset), None)


def _list_cells(record: Record, sets: Sequence[str]) -> list[PaperCell]:
    cells = []
    for dataset in sets:
        split = _find_split(record, dataset)
        for metric in QUALITIES:
            value = split.score(metric) if split else None
            text = "" if value is None else f"{value:.{METRICS[metric].decimals}f}"
            cells.append(PaperCell(value, text))
    return cells


def _mark_column(
    records: Sequence[Record],
    lines: Sequence[Sequence[PaperCell]],
    column: int,
    sets: Sequence[str],
) -> list[Mark]:
    """Tell which figures of a column are best and second, within each scale."""
    dataset = sets[column // 2]
    groups: dict[tuple[int, str], list[int]] = {}
    measured: dict[int, list[int]] = {}
    for number, record in enumerate(records):
        split = _find_split(record, dataset)
        if split is None or not lines[number][column].text:
            continue
        measured.setdefault(record.sidecar.scale, []).append(number)
        # Files that are not known are nobody else's.
        files = split.data_sha256 or f"unknown {number}"
        groups.setdefault((record.sidecar.scale, files), []).append(number)
    marks: list[Mark] = [""] * len(records)
    for scale, numbers in measured.items():
        compared = max((g for (of, _), g in groups.items() if of == scale), key=len)
        for number in set(numbers) - set(compared):
            marks[number] = "other files"
        _mark_best(marks, compared, {number: lines[number][column].text for number in compared})
    return marks


def _mark_best(marks: list[Mark], compared: Sequence[int], texts: dict[int, str]) -> None:
    """Figures that look alike share a mark; one figure alone is no best."""
    best = sorted(set(texts.values()), key=float, reverse=True)
    if len(best) < 2:
        return
    named: dict[str, Mark] = {best[0]: "best", best[1]: "second"}
    for number in compared:
        marks[number] = named.get(texts[number], "")
