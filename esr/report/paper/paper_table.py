"""The comparison that papers print, made of records, and which figures may be compared.

A figure is best, or second, among rows that were measured on the same files of a set (SHA-256); of
rows that were measured on others it is not said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from esr.base.did_you_mean import suggest
from esr.base.errors import UserError
from esr.base.visible_text import name
from esr.challenge.protocol import FlopsCounter
from esr.images.metrics import METRICS
from esr.records.official_results import GIGA, MEGA, published_flops, scaled
from esr.records.record import Record
from esr.records.results_folder import Row
from esr.records.split_result import SplitResult
from esr.report.paper.hr_size import HrSize
from esr.report.paper.paper_comparison import (
    QUALITIES,
    Mark,
    PaperCell,
    PaperRow,
    PaperTable,
)


def build_paper_table(
    rows: Sequence[Row],
    sets: Sequence[str],
    counter: FlopsCounter,
    hr_size: HrSize | None = None,
) -> PaperTable:
    """Gather the figures.

    Args:
        rows: what is known of each submission; those without a record and the disqualified are
            left out.
        sets: names of data sets, in any case; none means all that were measured.
        counter: whose multiply-adds are shown.
        hr_size: of the HR image that they are scaled to; None leaves them as counted.

    Raises:
        UserError: there is no such set, or nobody was measured on it by the metrics of papers.
    """
    records = [row.record for row in rows if row.record and row.disqualified is None]
    chosen = _choose_sets(records, sets)
    _refuse_unmeasured(records, chosen)
    order = sorted(records, key=lambda r: (r.sidecar.scale, r.counts.params or 0, r.label))
    lines = [[*_list_cells(record, chosen)] for record in order]
    marks = [_mark_column(order, lines, column, chosen) for column in range(2 * len(chosen))]
    made = [
        _make_row(record, label, counter, hr_size, cells, column)
        for record, label, cells, *column in zip(
            order, _choose_names(order), lines, *marks, strict=True
        )
    ]
    shown = tuple(row for row in made if any(cell.text for cell in row.cells))
    return PaperTable(tuple(chosen), shown, hr_size)


def _make_row(
    record: Record,
    label: str,
    counter: FlopsCounter,
    hr_size: HrSize | None,
    cells: Sequence[PaperCell],
    marks: Sequence[Mark],
) -> PaperRow:
    scale, counts = record.sidecar.scale, record.counts
    area = hr_size.compare_area(scale, counts.input_size) if hr_size else None
    flops_g = scaled(published_flops(counts, counter), GIGA)
    return PaperRow(
        label,
        scale,
        scaled(counts.params, MEGA),
        flops_g if flops_g is None or area is None else flops_g * area,
        "x".join(map(str, counts.input_size)),
        area,
        tuple(replace(cell, mark=mark) for cell, mark in zip(cells, marks, strict=True)),
    )


def _choose_names(records: Sequence[Record]) -> list[str]:
    """Papers give no ids, unless two rows of a scale have nothing else to be told apart by."""
    short = [(record.sidecar.scale, _leave_out_id(record)) for record in records]
    return [
        name(record.label if short.count(each) > 1 else each[1])
        for record, each in zip(records, short, strict=True)
    ]


def _leave_out_id(record: Record) -> str:
    number, _, rest = record.label.partition("_")
    is_id = number.isdecimal() and int(number) == record.model_id
    return rest if is_id and rest.strip() else record.label


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
    return list(dict.fromkeys(by_case[wanted.casefold()] for wanted in sets)) or known


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
