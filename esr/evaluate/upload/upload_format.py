"""What lies in an upload: SR images under the names of the official scripts, and `readme.txt`."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from esr.base.visible_text import one_line


def upload_file(save_dir: Path, label: str, role: str) -> Path:
    """Name the archive of a submission's data set."""
    return save_dir / label / f"{role}.zip"


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


NAME = "readme.txt"

_RUNTIME = "runtime per image [s]"
_DEVICE = "CPU[1] / GPU[0]"
_EXTRA = "Extra Data [1] / No Extra Data [0]"
_OTHER = "Other description"
_UNKNOWN = "not stated"
_CHOICE = {True: "1", False: "0", None: _UNKNOWN}


@dataclass(frozen=True)
class Readme:
    """What the four lines say; None where one is absent or says nothing that can be read."""

    runtime_s: float | None = None
    """Seconds an image."""
    on_cpu: bool | None = None
    extra_data: bool | None = None
    """Whether other data than the challenge's was trained on."""
    description: str | None = None

    def text(self) -> str:
        """Write the file; a line that is unknown says so."""
        runtime = _UNKNOWN if self.runtime_s is None else f"{self.runtime_s:.6f}"
        lines = {
            _RUNTIME: runtime,
            _DEVICE: _CHOICE[self.on_cpu],
            _EXTRA: _CHOICE[self.extra_data],
            _OTHER: one_line(self.description or "") or _UNKNOWN,
        }
        return "".join(f"{key} : {value}\n" for key, value in lines.items())

    def list_unstated(self) -> list[str]:
        """Name what no measurement can fill and nobody has stated, by the sidecar's keys."""
        values = {"extra_data": self.extra_data, "description": one_line(self.description or "")}
        return [key for key, value in values.items() if value in (None, "")]


def read_readme(text: str) -> Readme:
    """Read what another program wrote; spaces, case and line ends do not matter."""
    lines_by_key: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            lines_by_key.setdefault(_plain(key), value.strip())
    other = lines_by_key.get(_plain(_OTHER))
    return Readme(
        _seconds(lines_by_key.get(_plain(_RUNTIME), "")),
        _choice(lines_by_key.get(_plain(_DEVICE))),
        _choice(lines_by_key.get(_plain(_EXTRA))),
        None if other in (None, "", _UNKNOWN) else one_line(other),
    )


def _plain(key: str) -> str:
    return "".join(key.split()).lower()


def _seconds(value: str) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _choice(value: str | None) -> bool | None:
    return {"1": True, "0": False}.get(value or "")
