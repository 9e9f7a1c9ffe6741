"""A child's answer and its SR images -> `Record`; what went wrong -> `Failure`, kept instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from esr.audit.complexity_flags import complexity_flags
from esr.base.errors import printable_line
from esr.datasets.staging import StagedSplit
from esr.evaluate import provenance
from esr.evaluate.data_range_verdict import DataRangeVerdict
from esr.evaluate.options import Options
from esr.evaluate.score_images import judge
from esr.measure.bootstrap import robust_timing
from esr.measure.job import JobFolder, SubmissionFailed
from esr.records.conditions import Request
from esr.records.measurement import Measurement, SplitTiming
from esr.records.record import SCHEMA, Failure, ImageResult, Provenance, Record, SplitResult
from esr.submissions.submission import Entry, Whole


def log_file(entry: Entry, options: Options) -> Path:
    """Name the file that holds what a submission printed."""
    return options.save_dir / "logs" / f"{entry.label}.log"


def failure(entry: Entry, failed: SubmissionFailed, options: Options) -> Failure:
    """Say how a submission failed, and where it is told at length."""
    log = log_file(entry, options)
    printed = str(log) if failed.stage != "discover" and log.exists() else None
    reason = printable_line(failed.reason)
    return Failure(entry.label, entry.model_id, failed.stage, reason, provenance.now(), printed)


def score(
    measurement: Measurement,
    splits: Sequence[StagedSplit],
    folder: JobFolder,
    options: Options,
) -> tuple[SplitResult, ...]:
    """Score the SR images of every data set.

    Raises:
        SubmissionFailed: one that is absent, damaged or of the wrong size.
    """
    results = []
    protocol = options.protocol
    for number, (split, timing) in enumerate(zip(splits, measurement.splits, strict=True)):
        sr_files = [folder.sr_image(number, index) for index in range(len(split.images))]
        scores = judge(split.images, sr_files, protocol.border(split.scale), options.metrics)
        images = tuple(
            ImageResult(image.name, ms, values)
            for image, ms, values in zip(split.images, timing.runtime_ms, scores, strict=True)
        )
        files = [(image.lr, image.hr) for image in split.images]
        bicubic_db = protocol.hooks.bicubic_psnr_db(files, split.scale)
        results.append(replace(_split_result(split, timing, images), bicubic_psnr_db=bicubic_db))
    return tuple(results)


def _split_result(
    split: StagedSplit, timing: SplitTiming, images: tuple[ImageResult, ...]
) -> SplitResult:
    repeated = timing.robust
    return SplitResult(
        role=split.role,
        dataset=split.dataset,
        images=images,
        memory_mib=timing.memory_mib,
        split_memory_mib=timing.split_memory_mib,
        robust=robust_timing(repeated.samples_ms, repeated.conditions) if repeated else None,
        reserved_mib=timing.reserved_mib,
        gpu=timing.gpu,
        data_sha256=split.sha256,
    )


def record(
    submission: Whole,
    protocol: str,
    measurement: Measurement,
    splits: tuple[SplitResult, ...],
    source: Provenance,
    request: Request,
    verdict: DataRangeVerdict,
) -> Record:
    """Join what was asked, what the child says and what the parent found."""
    return Record(
        schema=SCHEMA,
        label=submission.label,
        model_id=submission.model_id,
        form=submission.form,
        sidecar=submission.sidecar,
        protocol=protocol,
        counts=measurement.counts,
        clock=measurement.clock,
        output_dtype=measurement.output_dtype,
        peak_rss_mib=measurement.peak_rss_mib,
        machine=measurement.machine,
        splits=splits,
        note=verdict.note,
        provenance=source,
        flags=(*measurement.flags, *complexity_flags(measurement.counts), *verdict.flags),
        precision=measurement.precision,
        layers=measurement.layers,
        request=request,
        isolation=measurement.isolation,
        fixed_input=measurement.fixed_input,
    )
