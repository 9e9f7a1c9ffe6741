"""A submission archive of the Real-Time challenge, unpacked.

Source of the layout: README of eduardzamfir/NTIRE23-RTSR. `arch.py` defines `srmodel()`, which
returns the network with its weights; `utils/` is what it imports; `checkpoint.pth` the weights;
`results/` the SR images handed in; `requirements.txt` further packages.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from esr.base.errors import UserError
from esr.challenge.hooks import HandedIn
from esr.challenge.rtsr.unpack_archive import extract

_MODEL_FILE = "arch.py"
_STEM = re.compile(r"submission_(\d{1,9})")


def unpack(archive: Path, folder: Path) -> HandedIn:
    """Unpack an archive into `folder/unpacked`, and its SR images beside that."""
    stem = re.sub(r"[^A-Za-z0-9_.-]", "_", archive.stem)[:64] or "archive"
    match = _STEM.fullmatch(stem)
    model_id, name = (int(match[1]), "submission") if match else (0, stem)
    code = folder / "unpacked"
    handed_in = HandedIn(model_id, name, code / _MODEL_FILE)
    try:
        code.mkdir()
        extract(archive, code)
        if not handed_in.model_file.is_file():
            raise UserError(_no_model_file(code), where=archive.name)
        checkpoint = _checkpoint(code, archive)
    except UserError as error:
        return replace(handed_in, problem=str(error))
    if (code / "results").is_dir():
        # Out of reach: what was handed in is compared after the network has run.
        (code / "results").rename(handed_in_images(handed_in.model_file))
    return replace(handed_in, checkpoint=checkpoint)


def handed_in_images(model_file: Path) -> Path:
    """Name the folder of the SR images that came with an unpacked archive."""
    return model_file.parent.with_name("handed_in")


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
