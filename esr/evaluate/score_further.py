"""Images that a submission restored behind those that are scored, judged in the parent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from esr.audit.changed_images import (
    Change,
    Part,
    allowance_db,
    memorised,
    psnr_db,
    worse_where_counted,
)
from esr.audit.random_output import PsnrSpread, random_output
from esr.audit.timed_counts import CountedImage, timed_count_flags
from esr.base.threads import in_parallel
from esr.evaluate.dialogue import sr_files
from esr.evaluate.dialogue.further_images import FurtherImage, FurtherResult
from esr.evaluate.score_images import psnr_db as image_psnr_db
from esr.evaluate.score_images import read_lr_size, read_sr
from esr.measure.job import JobFolder
from esr.records.measurement import Flag, Measurement

_SR_BYTES_AT_MOST = 2**29
_ROUNDING_LEVELS = 2
"""Grey levels: operators that are taken apart to be counted may round otherwise."""


def judge_further(
    results: Sequence[FurtherResult],
    measurement: Measurement,
    folder: JobFolder,
    scale: int,
    border: int,
) -> tuple[Flag, ...]:
    """Compare how they were restored, and what that cost, with what is scored and counted.

    Args:
        results: what the worker has done.
        measurement: what it has answered.
        folder: with the SR images.
        scale: factor between SR and LR.
        border: HR pixels left out on each side, for PSNR.

    Raises:
        SubmissionFailed: an SR image that is damaged or of the wrong size.
    """
    flags = [*timed_count_flags(measurement.counts, list(_counted(results)))]
    judged = in_parallel(lambda one: list(_judge(one, measurement, folder, scale, border)), results)
    flags += chain.from_iterable(judged)
    by_name: dict[str, Flag] = {}
    for flag in flags:  # Two images that say the same are one flag.
        by_name.setdefault(flag.name, flag)
    return tuple(by_name.values())


def _counted(results: Sequence[FurtherResult]) -> Iterator[CountedImage]:
    for result in results:
        if result.counted is not None and result.skipped is None:
            is_smooth = result.image.kind == "smooth"
            yield CountedImage(_lr_size(result.image), result.counted, is_smooth)


def _lr_size(image: FurtherImage) -> tuple[int, int]:
    change = image.change
    return (change.height, change.width) if isinstance(change, Part) else read_lr_size(image.source)


def _judge(
    result: FurtherResult, measurement: Measurement, folder: JobFolder, scale: int, border: int
) -> Iterator[Flag]:
    image = result.image
    of_set = image.kind in ("changed", "repeated")
    if result.skipped is not None:
        # A size that is not the set's own need not suit a network.
        if of_set:
            what = f"{image.source.name}, {image.kind}: {result.skipped}"
            yield Flag("audit_incomplete", what)
        return
    if image.kind == "repeated":
        yield from _repeated(result, measurement, folder, border)
    elif image.kind != "smooth":
        yield from _compared(result, folder, scale)


def _repeated(
    result: FurtherResult, measurement: Measurement, folder: JobFolder, border: int
) -> Iterator[Flag]:
    again, scored = result.image.place, result.image.source_place
    files = folder.sr_image(*again), folder.sr_image(*scored)
    difference = sr_files.compare(*files, _SR_BYTES_AT_MOST)
    if difference and measurement.is_repeatable is False:
        source = result.image.source
        again_db, scored_db = (image_psnr_db(source, file, border) for file in files)
        if again_db is not None and scored_db is not None:
            yield from random_output([PsnrSpread(source.name, scored_db, (again_db,))])
    if difference > _ROUNDING_LEVELS and measurement.is_repeatable is not False:
        what = (
            f"{result.image.source.name}, counted in a timed pass, differs from the scored image by"
            f" up to {difference} grey levels"
        )
        if measurement.is_repeatable:
            yield Flag("counter_detected", what)
        else:
            yield Flag("audit_incomplete", f"{what}; whether it is random could not be tried")


def _compared(result: FurtherResult, folder: JobFolder, scale: int) -> Iterator[Flag]:
    image, change = result.image, result.image.change
    hr = np.load(image.source.hr, mmap_mode="r")
    compared = change.compared(hr.shape[0] // scale, hr.shape[1] // scale)
    scored = read_sr(folder.sr_image(*image.source_place), hr.shape)
    height, width = _lr_size(image)
    again = read_sr(folder.sr_image(*image.place), (height * scale, width * scale, hr.shape[2]))
    target = change.cut(hr, compared, scale)
    before_db = psnr_db(change.cut(scored, compared, scale), target)
    again_db = psnr_db(change.cut_changed(again, compared, scale), target)
    allowed_db = allowance_db(math.prod(part.stop - part.start for part in compared))
    if isinstance(change, Change):
        yield from memorised(image.source.name, before_db, again_db, change, allowed_db)
    else:
        yield from worse_where_counted(image.source.name, before_db, again_db, change, allowed_db)
