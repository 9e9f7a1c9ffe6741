"""One detail of an image over every submission, beside HR and bicubic: the most telling three."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from esr.base.visible_text import name
from esr.evaluate.detail_crops import Picture, picture_file
from esr.records.record import Crop, Record
from esr.report.board import Board, Line
from esr.report.html.pictures import Album

_SHOWN = 3

_Place = tuple[str, str, str, int, int, int]
"""(role, data set, image, top, left, side) of a detail."""


@dataclass(frozen=True)
class Shot:
    """One picture of a detail."""

    caption: str
    picture: int
    """Position in the page's album."""
    note: str
    """Its PSNR; empty for HR."""


@dataclass(frozen=True)
class SameCrop:
    """The same detail, seen by everybody."""

    image: str
    dataset: str
    shots: tuple[Shot, ...]
    """HR, bicubic, then the submissions in the order of the table."""


@dataclass(frozen=True)
class _Seen:
    """One submission's pictures of a detail."""

    line: Line
    record: Record
    crop: Crop

    def file(self, results: Path, picture: Picture) -> Path:
        return picture_file(results, self.record.label, self.crop, picture)


def choose_crops(board: Board) -> list[list[_Seen]]:
    """Choose the details that most submissions show, and on which they differ most."""
    by_place: dict[_Place, list[_Seen]] = {}
    for line in board.lines:
        record = line.standing.row.record
        # A label is a file's name; one that holds a path is not ours.
        if record is None or Path(record.label).name != record.label:
            continue
        for place, crop in _list_places(record).items():
            by_place.setdefault(place, []).append(_Seen(line, record, crop))
    shared = [seen for seen in by_place.values() if len(seen) > 1]
    groups = shared or list(by_place.values())
    return sorted(groups, key=lambda seen: (-len(seen), -_spread(seen)))[:_SHOWN]


def _list_places(record: Record) -> dict[_Place, Crop]:
    """A submission's details by their places; the best image may be the worst as well."""
    sets = {split.role: split.dataset for split in record.splits}
    return {
        (c.role, sets.get(c.role, ""), c.image, c.top_px, c.left_px, c.size_px): c
        for c in record.crops
    }


def _spread(seen: Sequence[_Seen]) -> float:
    psnr_db = [one.crop.detail_psnr_db for one in seen]
    return max(psnr_db) - min(psnr_db)


def list_files(groups: Sequence[Sequence[_Seen]], results: Path) -> list[Path]:
    """List the pictures that the chosen details need."""
    return [
        file
        for seen in groups
        for file in (
            *(seen[0].file(results, picture) for picture in ("hr", "bicubic")),
            *(one.file(results, "sr") for one in seen),
        )
    ]


def lay_out_crops(groups: Sequence[Sequence[_Seen]], results: Path, album: Album) -> list[SameCrop]:
    """Put the pictures of each detail beside each other; those that are not there are left out."""
    crops = [_lay_out(seen, results, album) for seen in groups]
    return [crop for crop in crops if crop.shots]


def _lay_out(seen: Sequence[_Seen], results: Path, album: Album) -> SameCrop:
    first = seen[0]
    bicubic_db = f"{first.crop.detail_bicubic_psnr_db:.2f} dB"
    shots = [
        ("HR", first.file(results, "hr"), ""),
        ("bicubic", first.file(results, "bicubic"), bicubic_db),
        *(
            (one.line.name, one.file(results, "sr"), f"{one.crop.detail_psnr_db:.2f} dB")
            for one in seen
        ),
    ]
    sets = {split.role: split.dataset for split in first.record.splits}
    return SameCrop(
        name(first.crop.image),
        name(sets.get(first.crop.role, first.crop.role)),
        tuple(
            Shot(caption, album.positions[file], note)
            for caption, file, note in shots
            if file in album.positions
        ),
    )
