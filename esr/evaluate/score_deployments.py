"""SR images of the network in the ways of `--deploy`, against HR and against the scored ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np

from esr.datasets.staging import StagedImage
from esr.evaluate.dialogue import sr_files
from esr.evaluate.score_images import read_sr, score_images
from esr.evaluate.write_job import StartedJob
from esr.measure.bootstrap import steady_timing
from esr.measure.job import DeployedFolder, SubmissionFailed
from esr.records.record import Deployment
from esr.records.timing_samples import DeployedRuntime


def score_deployments(
    started: StartedJob, deployed: Sequence[DeployedRuntime]
) -> tuple[Deployment, ...]:
    """Score every way as the official SR images are; one that left none costs no more than itself.

    Args:
        started: the job, whose SR images are there.
        deployed: what its process measured, in the order of the ways.
    """
    return tuple(_score(started, number, runtime) for number, runtime in enumerate(deployed))


def _score(started: StartedJob, number: int, runtime: DeployedRuntime) -> Deployment:
    failed = Deployment(runtime.words, problem=runtime.problem)
    if runtime.steady is None:
        return failed
    split = started.splits[0]
    folder = DeployedFolder(started.folder.path, number)
    files = [folder.sr_image(0, index) for index in range(len(split.images))]
    border = started.request.procedure.protocol.border(split.scale)
    try:
        scores = score_images(split.images, files, border, ("psnr",))
        scored = [started.folder.sr_image(0, index) for index in range(len(split.images))]
        difference = max(map(_difference, split.images, files, scored))
    except SubmissionFailed as error:
        return replace(failed, problem=error.reason)
    return Deployment(
        words=runtime.words,
        steady=steady_timing(runtime.steady),
        psnr_db=fmean(score["psnr"] for score in scores),
        difference=difference,
        recompilations=runtime.recompilations,
    )


def _difference(image: StagedImage, file: Path, scored: Path) -> int:
    shape = np.load(image.hr, mmap_mode="r").shape
    return sr_files.largest_difference(read_sr(file, shape), read_sr(scored, shape))
