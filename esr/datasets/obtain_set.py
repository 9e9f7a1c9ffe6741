"""A set of the registry, downloaded and unpacked into the folders that an evaluation finds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from esr.base.download import HTTPS, fetch
from esr.base.errors import UserError
from esr.challenge.data_set_registry import Archive, DataSet
from esr.datasets.image_folders import find_sets
from esr.datasets.image_pairs import pair_images
from esr.datasets.unpack_zip import unpack


def obtain(
    data_set: DataSet, folder: Path, scale: int, schemes: Sequence[str] = HTTPS
) -> list[Archive]:
    """Download the archives of a set that are not unpacked yet.

    Args:
        data_set: what the registry knows of it.
        folder: where sets lie.
        scale: of the LR images.
        schemes: protocols that are allowed.

    Returns:
        What was downloaded; nothing if the set was there.

    Raises:
        UserError: it has no public address, or cannot be had.
    """
    archives = [archive for archive in data_set.archive if archive.scale in (None, scale)]
    if not any(archive.scale == scale for archive in archives):
        raise _unavailable(data_set, scale)
    if _is_there(data_set, folder, scale):
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


def _unavailable(data_set: DataSet, scale: int) -> UserError:
    if data_set.hr_public == "no":
        what, remedy = "its HR is not public", data_set.instead or ""
        return UserError(what, where=data_set.name, remedy=remedy)
    if data_set.archive:
        scales = ", ".join(f"x{archive.scale}" for archive in data_set.archive if archive.scale)
        remedy = f"download another scale, and make LR: python -m esr data prepare (has {scales})"
        return UserError(f"no LR of scale {scale} to download", where=data_set.name, remedy=remedy)
    home = f"see {data_set.home_page}" if data_set.home_page else "copy the images here"
    what = "no stable public address with a known checksum is known"
    return UserError(what, where=data_set.name, remedy=data_set.how or home)


def _is_there(data_set: DataSet, folder: Path, scale: int) -> bool:
    try:
        sets = find_sets(folder, scale)
    except UserError:
        return False
    sizes = [len(pair_images(of).pairs) for of in sets if of.name == data_set.name]
    return data_set.images in sizes
