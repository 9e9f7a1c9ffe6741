"""`--make_zip`: the archive that participants upload, one a data set.

On the server of the challenge (CodaLab) the images and `readme.txt` lie at the archive's top level.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from esr.base import json_file
from esr.base.errors import UserError
from esr.base.threads import cores, in_parallel
from esr.evaluate.upload.upload_format import (
    NAME,
    Readme,
    sr_name,
    upload_file,
)
from esr.images.image_file import encode_uint
from esr.measure.job import JobFolder
from esr.records.split_result import SplitResult
from esr.submissions.sidecar import Team
from esr.submissions.submission import Measurable

_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The first date of the format: the same images make the same bytes whenever they are packed."""
_UNIX = 3
_READABLE_FILE = 0o100644 << 16
_PER_CORE = 4
"""Images encoded before any is written: memory does not grow with their number."""


def write_uploads(
    submission: Measurable,
    device: str,
    results: Sequence[SplitResult],
    folder: JobFolder,
    save_dir: Path,
) -> None:
    """Write an archive a data set; one that cannot be written is announced on standard error.

    Args:
        submission: what was measured.
        device: `cpu`, `cuda:0`.
        results: its data sets; the runtime in `readme.txt` is the mean of the official pass.
        folder: holds the SR images, which have been checked.
        save_dir: gets `{label}/{role}.zip`, beside what `--save_images` keeps.
    """
    team = submission.sidecar.team
    try:
        for number, split in enumerate(results):
            files = [folder.sr_image(number, index) for index in range(len(split.images))]
            images = [(image.name, file) for image, file in zip(split.images, files, strict=True)]
            readme = describe_run(team, split.runtime_ms, device)
            write_upload(upload_file(save_dir, submission.label, split.role), images, readme)
    except (OSError, UserError) as error:  # The measurement is good all the same.
        sys.stderr.write(f"warning: no archive to upload: {error}\n")


def describe_run(team: Team, runtime_ms: float, device: str) -> Readme:
    """Say beside SR images what is known of them.

    Args:
        team: what the sidecar says of it.
        runtime_ms: mean of the official pass, an image.
        device: `cpu`, `cuda:0`.
    """
    description = team.description or team.title
    return Readme(runtime_ms / 1000, device == "cpu", team.extra_data, description)


def write_upload(path: Path, images: Sequence[tuple[str, Path]], readme: Readme) -> None:
    """Write one archive, whole or not at all; equal images and lines give equal bytes.

    Args:
        path: of the archive.
        images: (HR file name, SR image as .npy), in the order of the data set.
        readme: what is said beside them.

    Raises:
        UserError: it cannot be written.
    """
    with (
        json_file.replacing(path) as file,
        # PNG is compressed already.
        zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive,
    ):
        for name, data in _encoded(images):
            archive.writestr(_entry(sr_name(name)), data)
        archive.writestr(_entry(NAME), readme.text())


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EARLIEST)
    entry.create_system = _UNIX
    entry.external_attr = _READABLE_FILE
    return entry


def _encoded(images: Sequence[tuple[str, Path]]) -> Iterator[tuple[str, bytes]]:
    batch = _PER_CORE * cores()
    for first in range(0, len(images), batch):
        yield from in_parallel(_encode, images[first : first + batch])


def _encode(item: tuple[str, Path]) -> tuple[str, bytes]:
    name, sr_file = item
    return name, encode_uint(np.load(sr_file), ".png")
