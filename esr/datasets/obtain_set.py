"""A set of the registry, downloaded and unpacked into the folders that an evaluation finds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from esr.base.download import HTTPS, fetch
from esr.base.errors import UserError
from esr.challenge.data_set_registry import Archive, DataSet
from esr.datasets.checking.set_contents import contents, find_sets
from esr.datasets.unpack_zip import unpack


def obtain(one: DataSet, folder: Path, scale: int, schemes: Sequence[str] = HTTPS) -> list[Archive]:
    """Download the archives of a set that are not unpacked yet.

    Args:
        one: what the registry knows of it.
        folder: where sets lie.
        scale: of the LR images.
        schemes: protocols that are allowed.

    Returns:
        What was downloaded; nothing if the set was there.

    Raises:
        UserError: it has no public address, or cannot be had.
    """
    archives = [archive for archive in one.archive if archive.scale in (None, scale)]
    if not any(archive.scale == scale for archive in archives):
        raise _unavailable(one, scale)
    if _is_there(one, folder, scale):
        return []
    for archive in archives:
        target = folder / archive.file
        fetch(
            archive.url,
            target,
            archive.sha256,
            size_bytes=archive.size_bytes,
            schemes=schemes,
        )
        unpack(target, folder)
        target.unlink()
    return archives


def _unavailable(one: DataSet, scale: int) -> UserError:
    if one.hr_public == "no":
        return UserError("its HR is not public", where=one.name, remedy=one.instead or "")
    if one.archive:
        scales = ", ".join(f"x{archive.scale}" for archive in one.archive if archive.scale)
        remedy = f"download another scale, and make LR: python -m esr data prepare (has {scales})"
        return UserError(f"no LR of scale {scale} to download", where=one.name, remedy=remedy)
    how = one.how or (f"see {one.home_page}" if one.home_page else "copy the images here")
    return UserError(
        "no stable public address with a known checksum is known", where=one.name, remedy=how
    )


def _is_there(one: DataSet, folder: Path, scale: int) -> bool:
    if one.images is None or not folder.is_dir():
        return False
    try:
        found = [each for each in find_sets(folder, scale) if each.name == one.name]
    except UserError:
        return False
    return bool(found) and len(contents(found[0]).pairs) == one.images
