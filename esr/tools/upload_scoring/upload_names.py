"""The names in an upload: exactly the images that are expected, beside what changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

from esr.base.archive_kind import SUFFIXES as ARCHIVE_SUFFIXES
from esr.base.errors import ExitCode, UserError
from esr.base.visible_text import one_line
from esr.evaluate.upload.upload_format import meant


class BadArchive(UserError):
    """An upload that cannot be scored, as the server would find out."""

    status = ExitCode.SOME_FAILED


REPACK = "pack the images and readme.txt again as an ordinary .zip"


def is_harmless(path: PurePosixPath) -> bool:
    """Tell what a Mac adds, which changes nothing."""
    return path.parts[:1] == ("__MACOSX",) or path.name == ".DS_Store"


def with_number(names: Sequence[str], what: str) -> str:
    """Say something of the first of these names, and how many others it is true of."""
    more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    return f"'{one_line(names[0])}' {what}{more}"


def check_names(images: Sequence[str], expected: Collection[str], scale: int, where: str) -> None:
    """Make sure that an upload holds every image that is expected, and no other.

    Args:
        images: names in the upload, without what is harmless.
        expected: the official names of the SR images.
        scale: factor between LR and HR, for messages about names.
        where: the upload, for messages.

    Raises:
        BadArchive: one is missing, misnamed or too many.
    """
    others = [name for name in images if name not in expected]
    misnamed = [(name, better) for name in others if (better := meant(name, expected, scale))]
    if misnamed:
        official, remedy = misnamed[0][1]
        names = [name for name, _ in misnamed]
        raise BadArchive(with_number(names, f"should be '{official}'"), where=where, remedy=remedy)
    inner = [name for name in others if PurePosixPath(name).suffix.lower() in ARCHIVE_SUFFIXES]
    if inner:
        remedy = "unpack it, and pack the images that are in it themselves"
        what = with_number(inner, "is an archive within the archive")
        raise BadArchive(what, where=where, remedy=remedy)
    there = set(images)
    missing = [name for name in expected if name not in there]
    if missing:
        remedy = "add every image of the data set"
        raise BadArchive(with_number(missing, "is missing"), where=where, remedy=remedy)
    if others:
        remedy = f"leave it out: the data set has {len(expected)} images"
        what = with_number(others, "is no image of this data set")
        raise BadArchive(what, where=where, remedy=remedy)
