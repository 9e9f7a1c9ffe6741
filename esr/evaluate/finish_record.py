"""Everything that was found of a submission becomes its record; files that are kept beside it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from esr.audit.checkpoint_size import checkpoint_flags
from esr.audit.record_flags import clone_flags, complexity_flags
from esr.base.errors import UserError
from esr.datasets.staging import StagedSplit
from esr.evaluate.detail_crops import keep_crops
from esr.evaluate.options import Output
from esr.evaluate.scoring import Scores
from esr.evaluate.upload.write_upload import write_uploads
from esr.evaluate.write_job import StartedJob
from esr.images.image_file import imsave
from esr.measure.job import JobFolder
from esr.records.measurement import Flag, Measurement
from esr.records.record import SCHEMA, Crop, Record
from esr.submissions.submission import Measurable


def finish_record(
    started: StartedJob, measurement: Measurement, scores: Scores, output: Output
) -> Record:
    """Keep the files that were asked for, and join everything to a record.

    Args:
        started: what was asked for, and where the SR images are.
        measurement: what the child process said.
        scores: what the parent found.
        output: where files are kept, and which.
    """
    entry, request, folder = scores.entry, started.request, started.folder
    complexity = complexity_flags(measurement.counts)
    said = {flag.name for flag in (*measurement.flags, *complexity)} - {"audit_incomplete"}
    crops = _keep_crops(scores, started.splits[0], folder, output.save_dir)
    if output.files.images:
        _save_images(entry, started.splits, folder, output.save_dir)
    if output.files.uploads:
        device = measurement.machine.device
        write_uploads(entry, device, scores.splits, folder, output.save_dir)
    return Record(
        **measurement.kept(),
        schema=SCHEMA,
        label=entry.label,
        model_id=entry.model_id,
        form=entry.form,
        sidecar=entry.sidecar,
        protocol=request.procedure.protocol_name,
        splits=scores.splits,
        note=scores.data_range.note,
        provenance=scores.source,
        flags=(
            *measurement.flags,
            *complexity,
            *scores.data_range.flags,
            *clone_flags(scores.fork, trusted=started.job.trusted),
            *scores.handed_in,
            *(flag for flag in scores.further if flag.name not in said),
            *_checkpoint_flags(scores, measurement.counts.params),
        ),
        crops=crops,
        deployments=scores.deployments,
        request=request,
        fork=scores.fork,
        perceptual=scores.perceptual,
        variant=entry.variant,
    )


def _checkpoint_flags(scores: Scores, params: int | None) -> tuple[Flag, ...]:
    """Compare checkpoints and source with the parameters, where those are known."""
    return () if params is None else (*checkpoint_flags(_list_files(scores), params),)


def _list_files(scores: Scores) -> list[Path]:
    """Name the checkpoint files that were loaded, and the source files that were run."""
    if scores.fork is not None:
        clone = Path(scores.fork.path)
        return [clone / file.path for file in scores.fork.files]
    checkpoint = scores.entry.checkpoint
    return [scores.entry.model_file, *([checkpoint] if checkpoint is not None else [])]


def _keep_crops(
    scores: Scores, split: StagedSplit, folder: JobFolder, save_dir: Path
) -> tuple[Crop, ...]:
    sr_files = [folder.sr_image(0, index) for index in range(len(split.images))]
    try:
        images = scores.splits[0].images
        return keep_crops(split, images, sr_files, save_dir, scores.entry.label)
    except (OSError, UserError) as error:  # The measurement is good all the same.
        sys.stderr.write(f"warning: the report goes without details: {error}\n")
        return ()


def _save_images(
    entry: Measurable, splits: Sequence[StagedSplit], folder: JobFolder, save_dir: Path
) -> None:
    try:
        for number, split in enumerate(splits):
            target = save_dir / entry.label / split.role
            target.mkdir(parents=True, exist_ok=True)
            for index, image in enumerate(split.images):
                sr = np.load(folder.sr_image(number, index))
                imsave(sr, str(target / f"{Path(image.name).stem}.png"))
    except (OSError, UserError) as error:  # The measurement is good all the same.
        sys.stderr.write(f"warning: SR images are not kept: {error}\n")
