"""What a submission has left in its private folder: files that nobody but it can have made.

Libraries in other languages write unseen by `esr.sandbox.inside.audit_hook`; `torch.save` is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from esr.base.errors import printable_line
from esr.measure.job import FURTHER_IMAGES, Job, JobFolder
from esr.records.measurement import Flag
from esr.sandbox.policy import Places

_CACHES = ("torchinductor_*", "torch_*", "pymp-*", "matplotlib*", "tmp*", ".triton", ".nv")
_CACHES_OF_HOME = (".cache", ".config", ".local")
"""What compilers and packages keep there by themselves."""
_NAMED_AT_MOST = 3


def list_files(folder: JobFolder) -> frozenset[Path]:
    """Name what lies in the private folder before a submission starts."""
    return frozenset(file for place in _looked_at(folder) for file in _files(place))


def flag_left_files(
    job: Job, folder: JobFolder, places: Places, before: frozenset[Path]
) -> Iterator[Flag]:
    """Flag files in the private folder that neither the worker nor a package makes.

    Args:
        job: says which SR images are expected.
        folder: the private folder.
        places: which of its folders are home and for temporary files.
        before: what was there before the submission started.
    """
    ours = {folder.other_range, folder.shown, folder.clone, places.home, places.temporary}
    for number, split in enumerate(job.splits):
        for name in (folder.lr_image, folder.sr_image):
            ours |= {name(number, index) for index in range(split.count + FURTHER_IMAGES)}
    ours |= {folder.given(0).parent, folder.returned(0).parent}
    known = {path.resolve() for path in (*ours, *before)}
    usual = {places.home: _CACHES + _CACHES_OF_HOME, places.temporary: _CACHES}
    strange = [
        f"{place.name}/{file.name}"
        for place in (*_looked_at(folder), *usual)
        for file in _files(place)
        if place.resolve() / file.name not in known
        and not any(fnmatch(file.name, pattern) for pattern in usual.get(place, ()))
    ]
    if strange:
        named = ", ".join(strange[:_NAMED_AT_MOST])
        yield Flag("kept_files", printable_line(f"{len(strange)} in its private folder: {named}"))


def _looked_at(folder: JobFolder) -> tuple[Path, ...]:
    return folder.path, folder.sr, folder.lr_image(0, 0).parent


def _files(place: Path) -> list[Path]:
    try:
        return sorted(place.iterdir())
    except OSError:  # It may have removed the folder, or put something else there.
        return []
