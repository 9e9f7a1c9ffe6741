"""Multiply-adds of the HR size that a paper counts for, made of those of the official input.

Papers print those of an HR image of 1280x720; the challenges count an input of 3x256x256, which is
an HR image of 1024x1024 at x4. What a fully convolutional network costs grows with the area.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SIDE_AT_MOST = 100_000


@dataclass(frozen=True)
class HrSize:
    """A size of HR images, in pixels."""

    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> HrSize:
        """Read `1280x720`.

        Raises:
            ValueError: it is no width and height.
        """
        sides = re.fullmatch(r"([0-9]{1,6})[xX]([0-9]{1,6})", text)
        if sides is None or not all(0 < int(side) <= _SIDE_AT_MOST for side in sides.groups()):
            raise ValueError(f"'{text}' is no width and height: 1280x720, say")
        return cls(*map(int, sides.groups()))

    def __str__(self) -> str:
        """Say it as it is written in papers."""
        return f"{self.width}x{self.height}"

    def compare_area(self, scale: int, input_size: tuple[int, ...]) -> float:
        """How many times the area of an input its LR image has.

        Args:
            scale: by which the LR image is smaller than HR.
            input_size: (channels, height, width) of the input that was counted.
        """
        *_, height, width = input_size
        return self.width * self.height / (scale**2 * height * width)
