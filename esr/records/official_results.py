"""`results.json`, `results.txt` and the log, with the official keys and in the official format.

Source: `run` and `main` of the official `test_demo.py` (2023, 2024). Units: ms, dB, MiB, M, G.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esr.base import json_file
from esr.base.log_file import file_handler
from esr.base.visible_text import one_line, visible
from esr.challenge.protocol import FlopsCounter, protocols
from esr.records.disqualified_rows import KEY
from esr.records.network_counts import Counts
from esr.records.record import Failure, Outcome, Record
from esr.records.split_result import SplitResult

Official = dict[str, Any]
"""One model's entry in `results.json`; the keys are the official script's."""

MEGA = 10**6
GIGA = 10**9


def read_results(path: Path) -> dict[str, Official]:
    """Read a `results.json` of ours, or of the official script, which writes Infinity and NaN.

    Raises:
        UserError: it cannot be read, or is none.
    """
    results: dict[str, Official] = json_file.read_numbers(json_file.load(dict[str, Official], path))
    return results


def official_entry(record: Record, counter: FlopsCounter) -> Official:
    """Say a record in the official keys; what is unknown is null.

    Args:
        record: what was measured.
        counter: whose FLOPs the protocol publishes.
    """
    official: Official = {}
    for split in record.splits:
        official |= _split_entry(split)
    counts = record.counts
    return official | {
        "activations": scaled(counts.activations, MEGA),
        "num_conv": counts.num_conv,
        "flops": scaled(published_flops(counts, counter), GIGA),
        "num_parameters": scaled(counts.params, MEGA),
    }


def _split_entry(split: SplitResult) -> Official:
    # A perceptual metric may have no value for some image, and then it has no mean.
    whole = [name for name in split.images[0].scores if split.score(name) is not None]
    scores = {name: [image.scores[name] for image in split.images] for name in whole}
    values = {
        "runtime": [image.runtime_ms for image in split.images],
        **scores,
        "memory": split.memory_mib,
        "ave_runtime": split.runtime_ms,
        **{f"ave_{name}": split.score(name) for name in scores},
    }
    return {f"{split.role}_{key}": value for key, value in values.items()}


def published_flops(counts: Counts, counter: FlopsCounter) -> int | None:
    """Choose the FLOPs figure that a protocol publishes."""
    return counts.flops_official if counter == "official" else counts.flops_fvcore


def scaled(count: int | None, unit: int) -> float | None:
    """Divide a count by its unit, `MEGA` or `GIGA`; what is unknown stays unknown."""
    return None if count is None else count / unit


@dataclass(frozen=True)
class OfficialColumn:
    """One figure in `results.txt`."""

    title: str
    width: int
    key: str
    format: str
    of_test: bool = False
    """Whether it is there only when a test set was run."""


COLUMNS = (
    OfficialColumn("Val PSNR", 10, "valid_ave_psnr", "2.2f"),
    OfficialColumn("Test PSNR", 10, "test_ave_psnr", "2.2f", of_test=True),
    OfficialColumn("Val Time [ms]", 14, "valid_ave_runtime", "3.2f"),
    OfficialColumn("Test Time [ms]", 14, "test_ave_runtime", "3.2f", of_test=True),
    OfficialColumn("Ave Time [ms]", 14, "ave_runtime", "3.2f", of_test=True),
    OfficialColumn("Params [M]", 10, "num_parameters", "2.3f"),
    OfficialColumn("FLOPs [G]", 10, "flops", "2.2f"),
    OfficialColumn("Acts [M]", 8, "activations", "2.2f"),
    OfficialColumn("Mem [M]", 8, "valid_memory", "2.2f"),
    OfficialColumn("Conv", 8, "num_conv", "4d"),
)
"""In the official order."""

_NAME_WIDTH = 20


def results_table(results: Mapping[str, Official]) -> str:
    """Lay out `results.txt`.

    As in the official script, test columns are there when a test set was run and the hybrid test
    stands in the validation columns; unlike there, a model that lacks a figure has a blank cell
    instead of ending the run with a KeyError, and who is disqualified is called so and comes last.
    """
    with_test = any("test_ave_psnr" in values for values in results.values())
    columns = [column for column in COLUMNS if with_test or not column.of_test]
    head = _line("Model", [(column, column.title) for column in columns])
    return head + "".join(
        _line(
            f"{name} (disqualified)" if KEY in values else name,
            [(column, _cell(values, column)) for column in columns],
        )
        for name, values in sorted(results.items(), key=lambda result: KEY in result[1])
    )


def _line(name: str, cells: Sequence[tuple[OfficialColumn, str]]) -> str:
    texts = (f"{text:{column.width}s}" for column, text in cells)
    # The official script prints names as they are; a line break in one would make two rows of it.
    return "\t".join((f"{visible(name):{_NAME_WIDTH}s}", *texts)) + "\n"


def _cell(values: Official, column: OfficialColumn) -> str:
    value = look_up(values, column.key)
    try:
        return "" if value is None else format(value, column.format)
    except (TypeError, ValueError, OverflowError):  # Somebody else's file may hold anything.
        return one_line(repr(value), column.width)


def look_up(values: Official, key: str) -> int | float | None:
    """Look a figure up; None if it is unknown."""
    if key == "ave_runtime":
        valid, test = values.get("valid_ave_runtime"), values.get("test_ave_runtime")
        if isinstance(valid, int | float) and isinstance(test, int | float):
            with contextlib.suppress(OverflowError):  # JSON knows integers of any length.
                return (valid + test) / 2
        return None
    if key.startswith("valid_") and key not in values:
        return values.get(f"hybrid_test_{key.removeprefix('valid_')}")
    return values.get(key)


def append_log(outcome: Outcome, log_path: Path) -> None:
    """Append an outcome to the log file."""
    handler = file_handler(log_path)
    try:
        for line in log_lines(outcome):
            handler.emit(logging.makeLogRecord({"msg": line, "levelno": logging.INFO}))
    finally:
        handler.close()


def log_lines(outcome: Outcome) -> Iterator[str]:
    """Say an outcome in the official log lines."""
    yield outcome.label
    if isinstance(outcome, Failure):
        yield f"failed ({outcome.stage}): {outcome.reason}"
        return
    for split in outcome.splits:
        yield from _split_lines(split)
    yield from _count_lines(outcome)


def _split_lines(split: SplitResult) -> Iterator[str]:
    for image in split.images:
        line = f"{image.name} - PSNR: {image.scores['psnr']:.2f} dB"
        yield f"{line}; SSIM: {image.scores['ssim']:.4f}." if "ssim" in image.scores else line
    if split.memory_mib is not None:
        yield f"{'Max Memory':>16s} : {split.memory_mib:<.3f} [M]"
    yield f"------> Average runtime of ({split.role}) is : {split.runtime_ms:.6f} milliseconds"
    yield f"------> Average PSNR of ({split.role}) is : {split.score('psnr'):.6f} dB"


def _count_lines(record: Record) -> Iterator[str]:
    counts = record.counts
    flops = published_flops(counts, protocols()[record.protocol].flops_counter)
    if counts.activations is not None:
        yield f"{'#Activations':>16s} : {counts.activations / MEGA:<.4f} [M]"
    if counts.num_conv is not None:
        yield f"{'#Conv2d':>16s} : {counts.num_conv:<d}"
    if flops is not None:
        yield f"{'FLOPs':>16s} : {flops / GIGA:<.4f} [G]"
    if counts.params is not None:
        yield f"{'#Params':>16s} : {counts.params / MEGA:<.4f} [M]"
