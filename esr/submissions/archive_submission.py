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
from esr.challenge.fixed_input_options import RealTimeOptions
from esr.challenge.protocol import Protocol
from esr.datasets.splits import DataRequest, scales_of
from esr.submissions.sidecar import Sidecar, Team
from esr.submissions.submission import Broken, Entry, Submission
from esr.submissions.unpack_archive import extract

FACTORY = "srmodel"
_MODEL_FILE = "arch.py"
_STEM = re.compile(r"submission_(\d{1,9})")


def archive_entry(
    archive: Path, folder: Path, data: DataRequest, protocol: Protocol, given: RealTimeOptions
) -> Entry:
    """Unpack an archive.

    Args:
        archive: the zip file.
        folder: an empty folder; the child need only read `unpacked` in it.
        data: whose LR images there are may tell the scale.
        protocol: of the challenge.
        given: what the archive cannot say itself.

    Returns:
        A `Broken` entry if the archive is no good: that costs its row, not the run.

    Raises:
        UserError: the command line is wrong.
    """
    archive = _checked(archive, protocol)
    scale = _scale(data, protocol, given)
    stem = re.sub(r"[^A-Za-z0-9_.-]", "_", archive.stem)[:64] or "archive"
    found = _STEM.fullmatch(stem)
    code = folder / "unpacked"
    made = Submission(
        model_id=int(found[1]) if found else 0,
        name="submission" if found else stem,
        model_file=code / _MODEL_FILE,
        checkpoint=None,
        factory=FACTORY,
        sidecar=Sidecar(scale=scale, data_range=given.data_range),
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


def _checked(archive: Path, protocol: Protocol) -> Path:
    where = f"--submission {archive}"
    if "real_time" not in protocol.layouts:
        raise UserError(
            "a zip file is a submission to the Real-Time challenge",
            where=where,
            remedy="add --protocol rtsr2023",
        )
    if not archive.is_file():
        raise UserError("no such file", where=where)
    return archive.absolute()


def _scale(data: DataRequest, protocol: Protocol, given: RealTimeOptions) -> int:
    known = protocol.scales
    there = scales_of(data, protocol)
    scale = given.scale or (there[0] if len(there) == 1 else None)
    if scale in known and scale is not None:
        return scale
    choice = " or ".join(str(one) for one in known)
    if scale is not None:
        raise UserError(f"{protocol.name} has no such track", where=f"--scale {scale}")
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
