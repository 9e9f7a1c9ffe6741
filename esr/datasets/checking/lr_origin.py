"""What an LR image is, if it is not MATLAB's bicubic of its HR: named by making it again."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from esr.datasets.checking.data_findings import DataFinding, Kind
from esr.datasets.prepare_lr import (
    list_resampled,
    make_lr,
    make_lr_replicated_border,
    make_lr_rounded_once,
)
from esr.images import Image
from esr.images.official_image import calculate_psnr as psnr
from esr.images.official_image import modcrop

_THE_SAME_DB = 50
"""Two images this close differ by a rounding here and there; no other resampler comes near."""
_CLEARER_DB = 3
"""An explanation must be better than none by this."""
_QUALITIES = range(100, 20, -1)
_ALIKE, _DETAILS_ALIKE = 0.9, 0.3
"""Correlations of LR with the bicubic of HR, and of the details of both, below which they are
different pictures. Both must be low: noise disturbs details alone, bright areas agree by chance."""
_DETAIL_SIGMA_PX = 2.0
_BLOCK_PX = 8
_BLOCKY = 1.2
"""Mean difference across the borders of JPEG's blocks over that within them."""
_SHIFT_AT_LEAST_PX = 0.1
_INNER_PX = 4
_PROOF_PX = 96
"""Half the side of the part, in LR pixels, that a shift is proved on."""


def examine(lr: Image, hr: Image, expected: Image, scale: int, file: Path) -> DataFinding | None:
    """Say what LR is, if it is not the bicubic of HR.

    Args:
        lr: uint8 RGB (h, w, 3).
        hr: uint8 RGB, at least (scale * h, scale * w, 3).
        expected: the bicubic of HR, like `lr`.
        scale: factor between them.
        file: of LR.

    Returns:
        None if it is the bicubic of HR, bit for bit.
    """
    if np.array_equal(lr, expected):
        # A flat image survives JPEG unchanged.
        return DataFinding("jpeg", file, "a JPEG file") if _is_jpeg(file) else None
    direct_db = psnr(lr, expected)
    kind, detail = next(
        _explanations(lr, hr, expected, scale, direct_db), _unexplained(lr, expected)
    )
    if kind not in ("other_image", "turned") and _is_jpeg(file):
        kind, detail = "jpeg", detail if kind == "jpeg" else "a JPEG file"
    close = f"PSNR against MATLAB's bicubic {direct_db:.2f} dB"
    return DataFinding(kind, file, f"{detail}; {close}" if detail else close)


def _explanations(
    lr: Image, hr: Image, expected: Image, scale: int, direct_db: float
) -> Iterator[tuple[Kind, str]]:
    """Make LR in every other way, likely ones first; what fits is yielded."""
    tried: dict[tuple[Kind, str], float] = {
        ("rounding", ""): psnr(lr, make_lr_rounded_once(hr, scale)),
        ("border", ""): psnr(lr, make_lr_replicated_border(hr, scale)),
        **{("resampler", name): psnr(lr, other) for name, other in list_resampled(hr, scale)},
    }
    best_db = max(tried.values())
    if best_db >= max(_THE_SAME_DB, direct_db + _CLEARER_DB):
        best = [way for way in tried if tried[way] == best_db]
        yield best[0][0], " or ".join(name for _, name in best)
    yield from _jpeg(lr, expected, direct_db)
    yield from _orientation(lr, expected, direct_db)
    yield from _shift(lr, hr, expected, scale, direct_db)
    if _blockiness(lr.astype(np.float64) - expected) >= _BLOCKY:
        yield "jpeg", "blocks of 8x8 pixels"


def _unexplained(lr: Image, expected: Image) -> tuple[Kind, str]:
    details = [
        image - cv2.GaussianBlur(image, (0, 0), _DETAIL_SIGMA_PX)
        for image in (lr.astype(np.float32), expected.astype(np.float32))
    ]
    if not (_correlation(lr, expected) >= _ALIKE or _correlation(*details) >= _DETAILS_ALIKE):
        return "other_image", ""
    return "not_bicubic", "by an unknown resampler, or changed afterwards"


def _correlation(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    first, second = (image.ravel() - image.mean(dtype=np.float64) for image in (a, b))
    norm = math.sqrt(float(first @ first) * float(second @ second))
    return float(first @ second) / norm if norm else 0.0


def _jpeg(lr: Image, expected: Image, direct_db: float) -> Iterator[tuple[Kind, str]]:
    psnr_db = {}
    for quality, subsampling in itertools.product(_QUALITIES, ("4:2:0", "4:4:4")):
        psnr_db[quality, subsampling] = psnr(lr, _through_jpeg(expected, quality, subsampling))
        if math.isinf(psnr_db[quality, subsampling]):
            break
    (quality, subsampling), best_db = max(psnr_db.items(), key=lambda item: item[1])
    if best_db >= max(_THE_SAME_DB, direct_db + _CLEARER_DB):
        yield "jpeg", f"quality {quality}, {subsampling}"
    elif best_db >= direct_db + _CLEARER_DB:
        # Of the bicubic by another program, or by an encoder with other tables.
        yield "jpeg", f"quality about {quality}"


def _through_jpeg(image: Image, quality: int, subsampling: str) -> Image:
    factor = {
        "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
        "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    }[subsampling]
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]
    encoded = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), options)[1]
    return cast(Image, cv2.imdecode(encoded, cv2.IMREAD_COLOR))[..., ::-1]


def _blockiness(residual: npt.NDArray[Any]) -> float:
    """Compare steps across the borders of 8x8 blocks with all others; the weaker direction."""
    ratios = []
    for axis in (0, 1):
        steps = np.abs(np.diff(residual, axis=axis)).mean(axis=tuple({0, 1, 2} - {axis}))
        across = np.arange(len(steps)) % _BLOCK_PX == _BLOCK_PX - 1
        if not across.any() or steps[~across].mean() == 0:
            return 0.0
        ratios.append(float(steps[across].mean() / steps[~across].mean()))
    return min(ratios)


def _orientation(lr: Image, expected: Image, direct_db: float) -> Iterator[tuple[Kind, str]]:
    if psnr(lr[..., ::-1], expected) >= direct_db + _CLEARER_DB:
        yield "channels", ""
    turned: dict[str, Callable[[], Image]] = {
        "left and right exchanged": lambda: lr[:, ::-1],
        "upside down": lambda: lr[::-1],
        "turned by 180 degrees": lambda: lr[::-1, ::-1],
        "turned by 90 degrees": lambda: np.rot90(lr),
        "turned by 270 degrees": lambda: np.rot90(lr, 3),
        "rows and columns exchanged": lambda: lr.transpose(1, 0, 2),
    }
    for name, back in turned.items():
        other = back()
        if other.shape == expected.shape and psnr(other, expected) >= direct_db + 3 * _CLEARER_DB:
            yield "turned", name


def _shift(
    lr: Image, hr: Image, expected: Image, scale: int, direct_db: float
) -> Iterator[tuple[Kind, str]]:
    """Estimate the shift by phase correlation, then prove it: LR of HR shifted by whole pixels."""
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) for image in (expected, lr)]
    window = cv2.createHanningWindow(grey[0].shape[::-1], cv2.CV_32F)
    (right, down), _ = cv2.phaseCorrelate(grey[0], grey[1], window)
    margin = _INNER_PX + math.ceil(max(abs(right), abs(down)))
    if max(abs(right), abs(down)) < _SHIFT_AT_LEAST_PX or min(lr.shape[:2]) <= 4 * margin:
        return
    near = [[round(shift * scale) + step for step in range(-2, 3)] for shift in (down, right)]
    part, part_hr = _middle(lr, 1), _middle(modcrop(hr, scale), scale)
    inner = slice(margin, -margin)
    psnr_db = {}
    for rows, columns in itertools.product(*near):
        moved: Image = np.roll(part_hr, (rows, columns), (0, 1))
        psnr_db[rows, columns] = psnr(part[inner, inner], make_lr(moved, scale)[inner, inner])
    (rows, columns), best_db = max(psnr_db.items(), key=lambda item: item[1])
    if (rows, columns) != (0, 0) and best_db >= direct_db + _CLEARER_DB:
        yield "shifted", f"by {rows} rows and {columns} columns of HR"


def _middle(image: Image, scale: int) -> Image:
    rows, columns = (
        slice(start * scale, (start + 2 * _PROOF_PX) * scale)
        for side in image.shape[:2]
        for start in [max(0, side // scale // 2 - _PROOF_PX)]
    )
    return image[rows, columns]


def _is_jpeg(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(3) == b"\xff\xd8\xff"
