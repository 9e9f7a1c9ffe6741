"""The run's log: the lines that the official script logs, for those who search them.

Source: `run` and `main` of the official `test_demo.py` (2024).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from esr.base.log_file import file_handler
from esr.challenge.protocol import protocols
from esr.records.official_results import GIGA, MEGA, published_flops
from esr.records.record import Failure, Outcome, Record, SplitResult


def append(outcome: Outcome, log_path: Path) -> None:
    """Append an outcome to the log file."""
    handler = file_handler(log_path)
    try:
        for line in lines(outcome):
            handler.emit(logging.makeLogRecord({"msg": line, "levelno": logging.INFO}))
    finally:
        handler.close()


def lines(outcome: Outcome) -> Iterator[str]:
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
    yield f"{'#Params':>16s} : {counts.params / MEGA:<.4f} [M]"
