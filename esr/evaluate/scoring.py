"""What a submission has restored, compared with HR and with what others say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from esr.base.errors import UserError
from esr.challenge.hooks import RestoredImage, hooks_of
from esr.datasets.staging import StagedSplit
from esr.evaluate import provenance
from esr.evaluate.dialogue.further_images import FurtherResult
from esr.evaluate.judge_data_range import DataRangeVerdict, judge_data_range
from esr.evaluate.score_deployments import score_deployments
from esr.evaluate.score_further import judge_further
from esr.evaluate.score_images import read_lr_size, score_alone, score_and_hash, score_perceptually
from esr.evaluate.write_job import StartedJob
from esr.images.perceptual import PerceptualSource
from esr.measure.bootstrap import robust_timing, steady_timing
from esr.measure.job import SubmissionFailed
from esr.records.measurement import Flag, Measurement
from esr.records.record import Deployment, Provenance
from esr.records.split_result import ImageResult, SplitResult
from esr.records.timing_samples import SplitTiming
from esr.submissions.clone.clone_files import CloneSource
from esr.submissions.submission import CloneSubmission, Measurable, Submission


@dataclass(frozen=True)
class Scores:
    """What the parent found when it compared SR with HR."""

    entry: Measurable
    """With what only running a clone has told."""
    source: Provenance
    fork: CloneSource | None
    splits: tuple[SplitResult, ...]
    data_range: DataRangeVerdict
    deployments: tuple[Deployment, ...]
    """The network in the ways of `--deploy`."""
    handed_in: tuple[Flag, ...]
    """How SR images that came with the submission differ from its own."""
    perceptual: PerceptualSource | None = None
    """What perceptual metrics were calculated with; None without any."""
    further: tuple[Flag, ...] = ()
    """What the images that it restored behind the scored ones say."""


def score_submission(
    started: StartedJob, measurement: Measurement, further: Sequence[FurtherResult] = ()
) -> Scores:
    """Score the SR images of every data set, and judge those that were restored behind them.

    Raises:
        SubmissionFailed: an image that is absent, damaged or of the wrong size, or an answer that
            cannot be of this clone.
    """
    entry, source, fork = as_it_was(started.entry, started.source, measurement)
    splits = enumerate(zip(started.splits, measurement.splits, strict=True))
    scored = [_score_split(number, *both, started) for number, both in splits]
    results = tuple(split for split, _ in scored)
    perceptual = next((source for _, source in scored), None)
    scale = entry.sidecar.scale
    border = started.request.procedure.protocol.border(scale)
    first, image = started.splits[0], results[0].images[0]
    other_range = measurement.other_range
    data_range = judge_data_range(
        first.images[0],
        image.scores["psnr"],
        (other_range, started.folder.other_range) if other_range else None,
        entry,
        border,
    )
    handed_in = _handed_in_flags(entry, first, results[0])
    deployments = score_deployments(started, measurement.deployed)
    judged = judge_further(further, measurement, started.folder, scale, border)
    return Scores(
        entry,
        source,
        fork,
        results,
        data_range,
        deployments,
        tuple(handed_in),
        perceptual,
        judged,
    )


def as_it_was(
    entry: Measurable, source: Provenance, measurement: Measurement
) -> tuple[Measurable, Provenance, CloneSource | None]:
    """Add what only running a clone has told.

    Raises:
        SubmissionFailed: it tells nothing, or what cannot be of this clone.
    """
    facts = measurement.fork
    if not isinstance(entry, CloneSubmission):
        return entry, source, None
    if facts is None:
        raise SubmissionFailed("invalid", "the worker does not say what the clone returned")
    sidecar = replace(entry.sidecar, data_range=facts.data_range, tile=facts.tile)
    try:
        fork = provenance.describe_clone(entry.clone, facts)
    except UserError as error:
        raise SubmissionFailed("invalid", f"the worker's answer {error}") from error
    return replace(entry, sidecar=sidecar), provenance.add_checkpoints(source, fork), fork


def _score_split(
    number: int, split: StagedSplit, timing: SplitTiming, started: StartedJob
) -> tuple[SplitResult, PerceptualSource | None]:
    procedure = started.request.procedure
    protocol = procedure.protocol
    sr_files = [started.folder.sr_image(number, index) for index in range(len(split.images))]
    given = split.images, sr_files, protocol.border(split.scale), procedure.metrics
    # To hash takes longer than to score.
    score = score_and_hash if started.is_first_of_several else score_alone
    scored: Sequence[tuple[dict[str, float], str | None]] = score(*given)
    seen = score_perceptually(split.images, sr_files, procedure.metrics, started.job.device)
    if seen is not None:
        scored = [(one | seen.of_image(n), sr_sha256) for n, (one, sr_sha256) in enumerate(scored)]
    images = tuple(
        ImageResult(image.name, ms, scores, read_lr_size(image), sr_sha256)
        for image, ms, (scores, sr_sha256) in zip(
            split.images, timing.runtime_ms, scored, strict=True
        )
    )
    files = [(image.lr, image.hr) for image in split.images]
    repeated = timing.robust
    result = SplitResult(
        role=split.role,
        dataset=split.dataset,
        images=images,
        memory_mib=timing.memory_mib,
        split_memory_mib=timing.split_memory_mib,
        robust=robust_timing(repeated.samples_ms, repeated.conditions) if repeated else None,
        reserved_mib=timing.reserved_mib,
        gpu=timing.gpu,
        steady=steady_timing(timing.steady) if timing.steady else None,
        data_sha256=split.sha256,
        parent_ms=timing.parent_ms,
        energy=timing.energy,
        bicubic_psnr_db=protocol.hooks.bicubic_psnr_db(files, split.scale),
        lr_verdict=started.lr_verdicts[number] if started.lr_verdicts else None,
    )
    return result, seen.source if seen else None


def _handed_in_flags(submission: Measurable, split: StagedSplit, result: SplitResult) -> list[Flag]:
    """Say how SR images that came with a submission differ from those of its network here."""
    if not isinstance(submission, Submission) or submission.handed_in_to is None:
        return []
    images = [
        RestoredImage(image.name, image.hr, scored.scores)
        for image, scored in zip(split.images, result.images, strict=True)
    ]
    hooks = hooks_of(submission.handed_in_to)
    details = hooks.compare_handed_in(submission.model_file, images)
    return [Flag("submitted_results", detail) for detail in details]
