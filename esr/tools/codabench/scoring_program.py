"""The scoring program of a competition: one upload in, `scores.json` and a page out.

Called by the server as `score.py INPUT OUTPUT` (`esr.tools.codabench.start_scoring`): `INPUT/ref`
is the reference data, `INPUT/res` the upload, `OUTPUT` is empty. What cannot be scored ends with
status 1 and one line on standard error, in `error.txt` and on the page: the server then calls it
failed, which costs the participant none of the allowed submissions.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from esr.base.errors import ExitCode, UserError
from esr.base.visible_text import visible
from esr.evaluate.upload.upload_format import Readme, sr_name
from esr.tools.codabench.reference_data import hr_files, read_reference
from esr.tools.codabench.results_page import refused_page, scored_page
from esr.tools.codabench.server_scores import INFINITE_DB, server_scores
from esr.tools.codabench.upload_folder import open_folder
from esr.tools.upload_scoring.upload_names import BadArchive
from esr.tools.upload_scoring.upload_scores import (
    ImageScore,
    mean_scores,
    readme_of,
    score_files,
)

SCORES, PAGE, PER_IMAGE, ERROR = (
    *("scores.json", "detailed_results.html"),
    *("per_image.json", "error.txt"),
)
"""What is written; the server reads the first two."""


def main(arguments: Sequence[str]) -> int:
    """Score an upload, or say in one line why not."""
    if len(arguments) != 2:
        sys.stderr.write("error: usage: score.py INPUT OUTPUT\n")
        return ExitCode.UNUSABLE
    folder, output = map(Path, arguments)
    try:
        _score(folder, output)
    except BadArchive as error:
        return _refuse(str(error), output, error.status)
    except UserError as error:
        line = f"the data of this competition cannot be used: {error}; tell its organizers"
        return _refuse(line, output, error.status)
    return ExitCode.OK


def _score(folder: Path, output: Path) -> None:
    reference = read_reference(folder / "ref")
    expected = [sr_name(name) for name in reference.images]
    files = open_folder(folder / "res", expected, reference.scale)
    readme = readme_of(files)
    images = score_files(files, hr_files(folder / "ref", reference), reference.comparison)
    means = mean_scores(images, reference.metrics)
    scores = server_scores(means, readme)
    page = scored_page(reference, means, images, _remarks(images, readme))
    (output / PAGE).write_text(page, encoding="utf-8")
    (output / PER_IMAGE).write_text(_per_image(images), encoding="utf-8")
    (output / SCORES).write_text(json.dumps(scores, allow_nan=False) + "\n", encoding="utf-8")
    values = ", ".join(f"{key} {value:.6g}" for key, value in scores.items())
    sys.stdout.write(f"{len(images)} images scored: {values}\n")


def _per_image(images: Sequence[ImageScore]) -> str:
    # An infinite PSNR is the text "Infinity", as in the records of the harness.
    rows = [asdict(image) for image in images]
    for row in rows:
        row["scores"] = {
            key: value if value < float("inf") else "Infinity"
            for key, value in row["scores"].items()
        }
    return json.dumps(rows, indent=1, allow_nan=False) + "\n"


def _remarks(images: Sequence[ImageScore], readme: Readme | None) -> Iterator[str]:
    equal = sum(float("inf") in image.scores.values() for image in images)
    if equal:
        yield (
            f"{equal} images equal HR: their PSNR is infinite, for which the leaderboard has"
            f" {INFINITE_DB:g} dB."
        )
    if readme is None:
        yield "readme.txt is missing: runtime, device and extra data are not stated."
        return
    stated = {
        "runtime per image": None if readme.runtime_s is None else f"{readme.runtime_s:.4g} s",
        "device": {True: "CPU", False: "GPU", None: None}[readme.on_cpu],
        "extra data": {True: "yes", False: "no", None: None}[readme.extra_data],
        "description": readme.description,
    }
    said = "; ".join(f"{key}: {value or 'not stated'}" for key, value in stated.items())
    yield f"From readme.txt, not verified: {said}."


def _refuse(line: str, output: Path, status: int) -> int:
    line = visible(line)
    sys.stderr.write(f"error: {line}\n")
    try:
        (output / ERROR).write_text(f"{line}\n", encoding="utf-8")
        (output / PAGE).write_text(refused_page(line), encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"error: {output}: cannot be written ({error.strerror})\n")
    return status
