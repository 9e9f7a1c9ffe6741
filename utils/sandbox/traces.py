"""What a submission has left in its private folder: files that nobody but it can have made.

Libraries in other languages write unseen by `utils.sandbox.observer`; `torch.save` is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from utils.errors import printable_line
from utils.job import Job, JobFolder
from utils.record import Flag
from utils.sandbox.policy import Places

_CACHES = ("torchinductor_*", "torch_*", "pymp-*", "matplotlib*", "tmp*", ".triton", ".nv")
_CACHES_OF_HOME = (".cache", ".config", ".local")
"""What compilers and packages keep there by themselves."""
_NAMED_AT_MOST = 3


def traces(job: Job, folder: JobFolder, places: Places) -> Iterator[Flag]:
    """Flag files in the private folder that neither the worker nor a package makes."""
    ours = {folder.job, folder.measurement, folder.failure, folder.stage}
    ours |= {places.home, places.temporary, folder.sr, folder.lr_image(0, 0).parent}
    for number, split in enumerate(job.splits):
        for index in range(split.count):
            ours |= {folder.lr_image(number, index), folder.sr_image(number, index)}
    known = {path.name for path in ours}
    strange = [
        f"{parent.name}/{name}"
        for parent in (folder.path, folder.sr, folder.lr_image(0, 0).parent)
        for name in _names(parent)
        if name not in known
    ]
    for parent, usual in ((places.home, _CACHES + _CACHES_OF_HOME), (places.temporary, _CACHES)):
        strange += [
            f"{parent.name}/{name}"
            for name in _names(parent)
            if not any(fnmatch(name, pattern) for pattern in usual)
        ]
    if strange:
        named = ", ".join(strange[:_NAMED_AT_MOST])
        yield Flag("kept_files", printable_line(f"{len(strange)} in its private folder: {named}"))


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:  # It may have removed the folder, or put something else there.
        return []
