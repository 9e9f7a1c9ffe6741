"""What the official scripts call SR images, and in what way another name differs.

Source: `run` of the official `test_demo.py`. 2023 saves an SR image under the name of its HR image,
`0801.png`; 2022 keeps four letters of it, which for DIV2K is the same and elsewhere lets images
overwrite each other; from 2024 on saving is commented out. None has the `x4` of the LR image.
Unknown: whether the server of the challenge accepts other names as well.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path, PurePosixPath


def sr_name(hr_name: str) -> str:
    """Name the SR image of an HR image; the official scripts save PNG, which is lossless."""
    return f"{Path(hr_name).stem}.png"


def meant(name: str, expected: Collection[str], scale: int) -> tuple[str, str] | None:
    """Find the official name that somebody missed.

    Args:
        name: a member of an archive.
        expected: the official names.
        scale: factor between LR and HR.

    Returns:
        (the official name, what to do), or None if it resembles none.
    """
    path = PurePosixPath(name)
    official = _nearest(path.stem, expected, scale)
    if official is None:
        return None
    if str(path.parent) != ".":
        return official, "zip the images themselves, not the folder they lie in"
    if path.suffix.lower() != ".png":
        return official, "save SR images as PNG, which loses nothing"
    return official, "name SR images as the HR images are named"


def _nearest(stem: str, expected: Collection[str], scale: int) -> str | None:
    by_case = {official.lower(): official for official in expected}
    for candidate in (stem, stem.removesuffix(f"x{scale}")):
        if (official := by_case.get(f"{candidate}.png".lower())) is not None:
            return official
    return None
