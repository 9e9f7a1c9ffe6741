"""A submission archive of the Real-Time challenge, unpacked and made an entry.

Source of the layout: README of eduardzamfir/NTIRE23-RTSR. `arch.py` defines `srmodel()`, which
returns the network with its weights; `utils/` is what it imports; `checkpoint.pth` the weights;
`results/` the SR images handed in; `requirements.txt` further packages.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from esr.base.download import sha256
from esr.base.errors import UserError
from esr.datasets.gt_lr_folders import scales_there
from esr.evaluate.options import Options
from esr.submissions.sidecar import Sidecar, Team
from esr.submissions.submission import Broken, Entry, Submission
from esr.submissions.unpack_archive import extract

FACTORY = "srmodel"
_MODEL_FILE = "arch.py"
_STEM = re.compile(r"submission_(\d{1,9})")


def entry(options: Options, folder: Path) -> Entry:
    """Unpack the archive that was asked for.

    Args:
        options: which, and what it cannot say itself.
        folder: an empty folder; the child need only read `unpacked` in it.

    Returns:
        A `Broken` entry if the archive is no good: that costs its row, not the run.

    Raises:
        UserError: the command line is wrong.
    """
    archive = _checked(options)
    scale = _scale(options)
    stem = re.sub(r"[^A-Za-z0-9_.-]", "_", archive.stem)[:64] or "archive"
    found = _STEM.fullmatch(stem)
    code = folder / "unpacked"
    made = Submission(
        model_id=int(found[1]) if found else 0,
        name="submission" if found else stem,
        model_file=code / _MODEL_FILE,
        checkpoint=None,
        factory=FACTORY,
        sidecar=Sidecar(scale=scale, data_range=options.real_time.data_range),
    )
    try:
        code.mkdir()
        extract(archive, code)
        if not made.model_file.is_file():
            raise UserError(_no_model_file(code), where=archive.name)
        checkpoint = _checkpoint(code, archive)
    except UserError as error:
        return Broken(made.model_id, made.label, archive, str(error))
    source = f"{archive.name}, SHA-256 {sha256(archive)}"
    sidecar = replace(made.sidecar, team=Team(source=source))
    return replace(made, checkpoint=checkpoint, sidecar=sidecar, results=_results(code, folder))


def _results(code: Path, folder: Path) -> Path | None:
    if not (code / "results").is_dir():
        return None
    # Out of reach: what was handed in is compared after the network has run.
    return (code / "results").rename(folder / "handed_in")


def _checked(options: Options) -> Path:
    archive = options.submission
    assert archive is not None, "called for an archive alone"
    where = f"--submission {archive}"
    if options.protocol.layout != "gt_lr":
        raise UserError(
            "a zip file is a submission to the Real-Time challenge",
            where=where,
            remedy="add --protocol rtsr2023",
        )
    if options.checkpoint or options.form or options.interleave is not None:
        flags = "--checkpoint, --form and --interleave"
        raise UserError(f"cannot be combined with {flags}", where=where)
    if not archive.is_file():
        raise UserError("no such file", where=where)
    return archive.absolute()


def _scale(options: Options) -> int:
    known = options.protocol.scales
    there = scales_there(options.data, options.protocol)
    scale = options.real_time.scale or (there[0] if len(there) == 1 else None)
    if scale in known and scale is not None:
        return scale
    choice = " or ".join(str(one) for one in known)
    if scale is not None:
        raise UserError(f"{options.protocol.name} has no such track", where=f"--scale {scale}")
    raise UserError("the archive does not say its scale", remedy=f"add --scale {choice}")


def _no_model_file(folder: Path) -> str:
    deeper = sorted(folder.glob(f"*/{_MODEL_FILE}"))
    where = f", but in {deeper[0].parent.name}/" if deeper else ""
    return f"holds no {_MODEL_FILE} at its top{where}; zip the files, not their folder"


def _checkpoint(folder: Path, archive: Path) -> Path:
    weights = sorted(folder.glob("*.pth"))
    if not weights:
        raise UserError("holds no checkpoint.pth at its top", where=archive.name)
    # Which of several is used is for srmodel() to say; the hash is of the usual one.
    return next((path for path in weights if path.name == "checkpoint.pth"), weights[0])
