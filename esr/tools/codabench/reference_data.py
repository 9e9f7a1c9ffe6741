"""What uploads are scored against: HR, and by what; written here, read by the scoring program."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from esr.base.errors import UserError
from esr.tools.upload_scoring.upload_scores import ImageComparison

FILE = "reference.json"
HR_FOLDER = "HR"


@dataclass(frozen=True)
class Reference:
    """One phase of a competition."""

    protocol: str
    """Name of the challenge's rules, e.g. `ntire2026`."""
    dataset: str
    scale: int
    crop_px: int
    """Multiple that the sides of HR are cropped to."""
    border_px: int
    metrics: tuple[str, ...]
    """Names in `esr.images.metrics.METRICS`, the one that ranks first."""
    images: tuple[str, ...]
    """HR file names below `HR_FOLDER`, in the order of the data set."""

    @property
    def comparison(self) -> ImageComparison:
        """How SR is compared with HR."""
        return ImageComparison(self.scale, self.crop_px, self.border_px, self.metrics)

    def text(self) -> str:
        """Write the file."""
        return json.dumps(asdict(self), indent=1) + "\n"


def read_reference(folder: Path) -> Reference:
    """Read the file in a folder of reference data.

    Raises:
        UserError: it is missing or damaged.
    """
    file = folder / FILE
    try:
        known: dict[str, Any] = json.loads(file.read_bytes())
        lists = {key: tuple(map(str, known[key])) for key in ("metrics", "images")}
        return Reference(**{**known, **lists})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"is missing or damaged ({error})", where=file) from error


def hr_files(folder: Path, reference: Reference) -> dict[str, Path]:
    """Find HR by its names."""
    return {name: folder / HR_FOLDER / name for name in reference.images}
