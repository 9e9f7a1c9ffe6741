"""Images of a set that no table holds: changed in secret, LR and HR alike.

An honest network restores a picture that is moved by some LR pixels, or a little brighter, as well
as the picture itself. One that keeps the answers of a set and looks them up knows nothing of it.

Size and kind of the image stay the same, so that nothing but its content is new. Where the picture
is moved its edge is repeated; that and what lies `MARGIN_PX` around it are not compared. Moving by
whole LR pixels is right for every way of making LR that treats all places alike; a picture is
mirrored only where LR is bicubic, since other ways may not be symmetric.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np

from esr.images import Image
from esr.images.official_image import calculate_psnr
from esr.records.measurement import Flag

MOVED_PX = 3
"""LR pixels at most, either way."""
BRIGHTER_LEVELS = 2
"""Grey levels at most, either way."""
MARGIN_PX = 8
"""LR pixels around what is compared; half of a network's surroundings at most reach further."""
MEMORISED_DB = 0.3
"""Three times what the six shipped networks lost at most, on any of 13 photographs, by any of these
changes: 0.10 dB, mirrored; 0.09 dB moved, for one that pools with strides; bicubic lost 0.01 dB."""
SMALL_PX, SMALL_DB = 64 * 64, 1.0
"""What is compared of a tiny image is near its edge, and of few pixels: one more dB is allowed
where they are fewer LR pixels than this."""
PART_DB = 1.0
"""A network that pools over the whole image restores a part of it otherwise."""
ROUNDING_MSE = 1.0
"""Added to every mean squared error: below a grey level, figures are about rounding."""


@dataclass(frozen=True)
class Change:
    """What is done to LR and HR, and to SR of the unchanged LR to compare it."""

    down: int = 0
    """LR pixels by which the picture moves."""
    right: int = 0
    mirrored: bool = False
    upside_down: bool = False
    brighter: int = 0
    """Grey levels."""

    def apply(self, image: Image, scale: int = 1) -> Image:
        """Change an image; the size stays.

        Args:
            image: (H, W, 3), uint8.
            scale: its pixels by LR pixels.
        """
        down, right = self.down * scale, self.right * scale
        # By OpenCV: a whole image in a tenth of the time that indices take.
        moved = _moved(_flipped(image, self.upside_down, self.mirrored), down, right)
        return _brighter(moved, self.brighter).reshape(image.shape)

    def compared(self, height: int, width: int) -> tuple[slice, slice]:
        """Say which rows and columns of changed LR are compared; LR is (height, width)."""
        return _inner(height, self.down), _inner(width, self.right)

    def cut(self, image: Image, compared: tuple[slice, slice], scale: int) -> Image:
        """Cut what is compared out of an image as it is, made as bright as the changed one.

        Args:
            image: (H, W, 3), uint8.
            compared: rows and columns of changed LR.
            scale: pixels of the image by LR pixels.
        """
        rows, columns = compared
        height, width = image.shape[0] // scale, image.shape[1] // scale
        rows = _before(rows, self.down, height, self.upside_down)
        columns = _before(columns, self.right, width, self.mirrored)
        return _brighter(_cut(image, (rows, columns), scale), self.brighter)

    def cut_changed(self, changed: Image, compared: tuple[slice, slice], scale: int) -> Image:
        """Cut the same pixels, in the same order, out of a changed image."""
        return _flipped(_cut(changed, compared, scale), self.upside_down, self.mirrored)

    def described(self) -> str:
        """Say it in words."""
        flips = self.mirrored * ["mirrored"] + self.upside_down * ["upside down"]
        moved = [f"moved by {self.right}, {self.down} px"] if self.right or self.down else []
        brighter = [f"{self.brighter:+d} grey levels"] if self.brighter else []
        return ", ".join((*flips, *moved, *brighter))


def _flipped(image: Image, upside_down: bool, mirrored: bool) -> Image:
    axes = {(True, False): 0, (False, True): 1, (True, True): -1}
    axis = axes.get((upside_down, mirrored))
    return image if axis is None else cast(Image, cv2.flip(image, axis))


def _moved(image: Image, down: int, right: int) -> Image:
    """Move by less than the image's sides; its edge is repeated."""
    height, width = image.shape[:2]
    kept = image[max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)]
    borders = max(0, down), max(0, -down), max(0, right), max(0, -right)
    return cast(Image, cv2.copyMakeBorder(kept, *borders, cv2.BORDER_REPLICATE))


def _brighter(image: Image, levels: int) -> Image:
    if levels == 0:
        return image
    step = (abs(levels),) * 3 + (0,)  # Of a grey image OpenCV takes the first.
    change: Any = cv2.add if levels > 0 else cv2.subtract  # They saturate.
    changed: Image = change(image, step)
    return changed.reshape(image.shape)


def _cut(image: Image, lr_part: tuple[slice, slice], scale: int) -> Image:
    rows, columns = (slice(part.start * scale, part.stop * scale) for part in lr_part)
    return image[rows, columns]


def _before(part: slice, moved: int, length: int, is_flipped: bool) -> slice:
    """Say where pixels of a side lay before it was flipped, and then moved."""
    start, stop = part.start - moved, part.stop - moved
    return slice(length - stop, length - start) if is_flipped else slice(start, stop)


def _inner(length: int, moved: int) -> slice:
    # Of a tiny image everything but what was repeated.
    margin = min(MARGIN_PX, (length - abs(moved)) // 4)
    return slice(margin + max(0, moved), length - margin + min(0, moved))


@dataclass(frozen=True)
class Part:
    """What is cut out of LR and of HR; where an image is smaller, it goes on mirrored."""

    top: int
    left: int
    height: int
    width: int

    def apply(self, image: Image, scale: int = 1) -> Image:
        """Cut it out.

        Args:
            image: (H, W, C).
            scale: its pixels by LR pixels.
        """
        inner = image[
            self.top * scale : (self.top + self.height) * scale,
            self.left * scale : (self.left + self.width) * scale,
        ]
        missing = [
            (0, side * scale - length)
            for side, length in zip((self.height, self.width), inner.shape, strict=False)
        ]
        part: Image = np.pad(inner, (*missing, (0, 0)), "symmetric")
        return part

    def compared(self, height: int, width: int) -> tuple[slice, slice]:
        """Say which of its rows and columns are compared; arguments as for a `Change`."""
        return (
            _inner(min(self.height, height - self.top), 0),
            _inner(min(self.width, width - self.left), 0),
        )

    def cut(self, image: Image, compared: tuple[slice, slice], scale: int) -> Image:
        """Cut what is compared out of an image; arguments as for a `Change`."""
        lefts = zip(compared, (self.top, self.left), strict=True)
        rows, columns = (slice(part.start + at, part.stop + at) for part, at in lefts)
        return _cut(image, (rows, columns), scale)

    def cut_changed(self, changed: Image, compared: tuple[slice, slice], scale: int) -> Image:
        """Cut the same pixels out of what was made of the part."""
        return _cut(changed, compared, scale)


def draw_change(height: int, width: int, *, symmetric: bool, rng: random.Random) -> Change:
    """Choose one; never none.

    Args:
        height: of LR.
        width: of LR.
        symmetric: whether LR was made in a way that allows mirroring.
        rng: unforeseeable.
    """
    room = min(MOVED_PX, (min(height, width) - 1) // 4)
    while True:
        change = Change(
            down=rng.randint(-room, room),
            right=rng.randint(-room, room),
            mirrored=symmetric and rng.random() < 0.5,
            upside_down=symmetric and rng.random() < 0.5,
            brighter=rng.randint(-BRIGHTER_LEVELS, BRIGHTER_LEVELS),
        )
        if change.down or change.right or change.mirrored or change.upside_down or not room:
            return change


def psnr_db(sr: Image, hr: Image) -> float:
    """PSNR in dB of what is compared, by which rounding is no difference."""
    psnr = calculate_psnr(sr, hr)
    mse = 0.0 if math.isinf(psnr) else 255.0**2 / 10 ** (psnr / 10)
    return 10 * math.log10(255.0**2 / (mse + ROUNDING_MSE))


def allowance_db(compared_px: int) -> float:
    """Say by how much more figures may honestly differ where few LR pixels are compared."""
    return SMALL_DB if compared_px < SMALL_PX else 0.0


def memorised(
    name: str, before_db: float, after_db: float, change: Change, allowed_db: float = 0.0
) -> Iterator[Flag]:
    """Flag an image that is restored far better than what it was changed to.

    Args:
        name: of the image.
        before_db: PSNR of the image, of what is compared.
        after_db: PSNR of the changed one, of the same.
        change: what was done.
        allowed_db: see `allowance_db`.
    """
    if before_db - after_db > MEMORISED_DB + allowed_db:
        yield Flag(
            "memorised_images",
            f"{name} has {before_db:.2f} dB, and {after_db:.2f} dB {change.described()}:"
            " what is better in the first was not computed from its LR",
        )


def worse_where_counted(
    name: str, before_db: float, after_db: float, part: Part, allowed_db: float = 0.0
) -> Iterator[Flag]:
    """Flag an image that is restored far worse where its size is that of the counters' input.

    Args:
        name: of the image.
        before_db: PSNR of the part within the image, of what is compared.
        after_db: PSNR of the part by itself, of the same.
        part: what was cut out.
        allowed_db: see `allowance_db`.
    """
    if before_db - after_db > PART_DB + allowed_db:
        yield Flag(
            "counter_detected",
            f"{name} has {before_db:.2f} dB, and {after_db:.2f} dB cut to {part.width}x"
            f"{part.height}: about the size of the counters' input",
        )
