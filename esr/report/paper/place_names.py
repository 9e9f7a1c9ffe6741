"""Places for names beside points: none covers another, a point or the edge of the axes.

Libraries that push names about (adjustText) end with some that overlap; here a name takes the
nearest free place of a fixed set, or none. `templates/labels.js` does the same on the page.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_RINGS = (2.0, 6.0, 11.0, 17.0, 24.0, 32.0, 41.0, 51.0, 62.0)
"""Distances from a point, in the unit of the coordinates."""
_DIRECTIONS = 16


@dataclass(frozen=True)
class Area:
    """A rectangle."""

    left: float
    right: float
    bottom: float
    top: float

    @classmethod
    def around(cls, x: float, y: float, width: float, height: float) -> Area:
        """Make the rectangle of a size about a place."""
        return cls(x - width / 2, x + width / 2, y - height / 2, y + height / 2)

    def covers(self, other: Area) -> bool:
        """Tell whether two rectangles have more than an edge in common."""
        across = self.left < other.right and other.left < self.right
        return across and self.bottom < other.top and other.bottom < self.top

    def holds(self, other: Area) -> bool:
        """Tell whether another lies within this one."""
        across = self.left <= other.left and other.right <= self.right
        return across and self.bottom <= other.bottom and other.top <= self.top

    def is_crossed(self, start: tuple[float, float], end: tuple[float, float]) -> bool:
        """Tell whether a line enters it (Liang and Barsky's clipping)."""
        first, last = 0.0, 1.0
        across, up = end[0] - start[0], end[1] - start[1]
        for step, room in (
            (-across, start[0] - self.left),
            (across, self.right - start[0]),
            (-up, start[1] - self.bottom),
            (up, self.top - start[1]),
        ):
            if step == 0 and room < 0:
                return False
            if step < 0:
                first = max(first, room / step)
            elif step > 0:
                last = min(last, room / step)
        return first < last


@dataclass(frozen=True)
class Named:
    """A point that wants its name beside it."""

    x: float
    y: float
    radius: float
    width: float
    """Of the name."""
    height: float


def place_names(points: Sequence[Named], frame: Area) -> list[tuple[float, float] | None]:
    """Place names.

    Args:
        points: the most important first.
        frame: what names must not leave.

    Returns:
        the middle of each name; None where there is no room
    """
    markers = [Area.around(p.x, p.y, 2 * p.radius, 2 * p.radius) for p in points]
    placed: list[tuple[Named, tuple[float, float], Area]] = []

    def is_free(point: Named, middle: tuple[float, float], area: Area) -> bool:
        if not frame.holds(area) or any(area.covers(marker) for marker in markers):
            return False
        return not any(
            area.covers(other)
            or other.is_crossed((point.x, point.y), middle)
            or area.is_crossed((named.x, named.y), taken)
            for named, taken, other in placed
        )

    places: list[tuple[float, float] | None] = []
    for point in points:
        candidates = ((m, Area.around(*m, point.width, point.height)) for m in _list_places(point))
        found = next((each for each in candidates if is_free(point, *each)), None)
        places.append(found[0] if found else None)
        if found:
            placed.append((point, *found))
    return places


def _list_places(point: Named) -> Iterator[tuple[float, float]]:
    for ring in _RINGS:
        for step in range(_DIRECTIONS):
            angle = 2 * math.pi * step / _DIRECTIONS
            reach = point.radius + ring
            yield (
                point.x + math.cos(angle) * (reach + point.width / 2),
                point.y + math.sin(angle) * (reach + point.height / 2),
            )
