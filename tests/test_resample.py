"""Bicubic resampling against published LR images and against the definition computed densely."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from esr.images.resample import imresize_np, imresize_uint8

SETS = [
    *(("Set5", 2), ("Set5", 3), ("Set5", 4), ("Set14", 2), ("Set14", 3), ("Set14", 4)),
    *(("B100", 4), ("Urban100", 4)),
]
BICUBIC_X4_DB = {"Set5": 26.692, "Set14": 24.462, "B100": 24.635, "Urban100": 22.957}
"""RGB PSNR with border 4, from the README of the shared data."""
FLOAT_SCALES = [1 / 2, 1 / 3, 1 / 4, 2, 3, 4, 0.7, 1.5]


def _pairs(shared: Path, name: str, factor: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(HR cropped to a multiple of the factor, published LR) of every image of a set."""
    folder = shared / "data" / name
    pairs = []
    for lr_file in sorted((folder / "LR_bicubic" / f"X{factor}").glob("*.png")):
        hr = np.asarray(
            Image.open(folder / "HR" / f"{lr_file.stem.removesuffix(f'x{factor}')}.png")
        )
        height, width = (side - side % factor for side in hr.shape[:2])
        pairs.append((hr[:height, :width], np.asarray(Image.open(lr_file))))
    return pairs


def _histogram(actual: np.ndarray, expected: np.ndarray) -> dict[int, int]:
    levels, counts = np.unique(actual.astype(int) - expected, return_counts=True)
    return dict(zip(levels.tolist(), counts.tolist(), strict=True))


@pytest.mark.parametrize(("name", "factor"), SETS)
def test_every_published_lr_image_comes_out_exactly(shared: Path, name: str, factor: int) -> None:
    pairs = _pairs(shared, name, factor)
    assert pairs
    for hr, lr in pairs:
        actual = imresize_uint8(hr, 1 / factor)
        assert actual.dtype == np.uint8
        assert actual.shape == lr.shape
        assert _histogram(actual, lr).keys() == {0}


@pytest.mark.parametrize("name", BICUBIC_X4_DB)
def test_the_bicubic_baseline_has_its_known_psnr(shared: Path, name: str) -> None:
    psnr = []
    for hr, lr in _pairs(shared, name, 4):
        error = (imresize_uint8(lr, 4).astype(np.float64) - hr)[4:-4, 4:-4]
        psnr.append(20 * math.log10(255 / math.sqrt((error**2).mean())))
    assert np.mean(psnr) == pytest.approx(BICUBIC_X4_DB[name], abs=5e-4)


def _operator(length: int, scale: float) -> np.ndarray:
    """The resampling of one axis as a matrix, straight from the definition and dense."""
    shrink = min(scale, 1.0)
    matrix = np.zeros((math.ceil(length * scale), length))
    for row in range(len(matrix)):
        centre = (row + 0.5) / scale - 0.5
        for position in range(math.floor(centre - 4 / shrink), math.ceil(centre + 4 / shrink) + 1):
            t = abs(centre - position) * shrink
            near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
            mirrored = np.pad(np.arange(length), 8 * length, mode="symmetric")[
                position + 8 * length
            ]
            matrix[row, mirrored] += near if t <= 1 else far if t <= 2 else 0
    return matrix / matrix.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("scale", FLOAT_SCALES)
@pytest.mark.parametrize("shape", [(31, 26), (24, 37, 3), (5, 6, 3), (96, 3, 1)])
def test_float_resampling_is_the_separable_definition(scale: float, shape: tuple[int, ...]) -> None:
    img = np.random.default_rng(0).random(shape)
    expected = np.einsum("yh,xw,hw...->yx...", *(_operator(n, scale) for n in shape[:2]), img)
    actual = imresize_np(img, scale)
    assert actual.dtype == np.float32
    assert actual.shape == expected.shape
    # Weights in float32: the position of a kernel far from the origin is known to 1e-5 pixel.
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)


def test_without_antialiasing_reduction_samples_the_plain_kernel() -> None:
    img = np.random.default_rng(1).random((30, 45, 3))
    # At 1/3 the centres fall on pixels, where the plain kernel is 1 in the middle and 0 elsewhere.
    plain = imresize_np(img, 1 / 3, antialiasing=False)
    np.testing.assert_allclose(plain, img[1::3, 1::3], rtol=0, atol=1e-5)
    assert np.abs(imresize_np(img, 1 / 3) - plain).max() > 0.05


@pytest.mark.parametrize("scale", [1 / 2, 1 / 4, 2, 4])
def test_channels_orientation_and_constants_are_preserved(scale: float) -> None:
    img = np.random.default_rng(2).integers(0, 256, (24, 36, 3), dtype=np.uint8)
    resized = imresize_uint8(img, scale)
    assert np.array_equal(imresize_uint8(img[..., 1], scale), resized[..., 1])
    assert np.array_equal(imresize_uint8(img[:, ::-1], scale), resized[:, ::-1])
    assert np.unique(imresize_uint8(np.full_like(img, 173), scale)).tolist() == [173]


def test_halves_are_rounded_up_and_levels_saturate() -> None:
    row = np.random.default_rng(3).choice(np.array([0, 1, 254, 255], np.uint8), 4000)
    exact = _operator(4000, 1 / 2) @ row  # every weight is a multiple of 1/256: no rounding error
    ties = exact[exact % 1 == 0.5]
    assert (np.round(ties) != np.floor(ties + 0.5)).any()
    assert exact.min() < -1
    assert exact.max() > 256
    expected = np.floor(exact.clip(0, 255) + 0.5)
    equal_rows = np.repeat(row[None], 8, axis=0)
    assert np.array_equal(imresize_uint8(equal_rows, 1 / 2), np.repeat(expected[None], 4, axis=0))


def test_uint8_positions_are_exact_far_from_the_origin() -> None:
    row = np.random.default_rng(4).integers(0, 256, 1200, dtype=np.uint8)
    exact = (_operator(1200, 3) @ row).clip(0, 255)
    no_tie = np.abs(exact % 1 - 0.5) > 1e-9
    resized = imresize_uint8(np.repeat(row[None], 4, axis=0), 3)[0]
    assert no_tie.mean() > 0.9
    assert np.array_equal(resized[no_tie], np.round(exact)[no_tie])


def _reduced(image: np.ndarray, factor: int) -> np.ndarray:
    """The definition in whole numbers: 16 * factor**3 times the kernel, which is then no fraction."""
    unit = 16 * factor**3
    for axis in (0, 1):
        lines = np.moveaxis(image, axis, 0).astype(np.int64)
        length = len(lines)
        outputs = []
        for first in range(0, length, factor):
            total = np.zeros(lines.shape[1:], np.int64)
            for tap in range(first - 2 * factor, first + 3 * factor):
                x = abs(2 * tap - 2 * first - factor + 1)
                inside = tap % (2 * length)
                line = lines[min(inside, 2 * length - 1 - inside)]
                if x <= 2 * factor:
                    total += (3 * x**3 - 10 * factor * x**2 + unit) * line
                elif x <= 4 * factor:
                    weight = -(x**3) + 10 * factor * x**2 - 32 * factor**2 * x + 32 * factor**3
                    total += weight * line
            outputs.append(np.clip((2 * total + unit * factor) // (2 * unit * factor), 0, 255))
        image = np.moveaxis(np.stack(outputs), 0, axis)
    return image


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("shape", [(64, 48, 3), (9, 70, 3), (37, 5), (1, 1), (20, 3, 1), (130, 66)])
def test_a_reduction_by_a_power_of_two_is_exact(factor: int, shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(factor)
    noise = random.integers(0, 256, shape, dtype=np.uint8)
    for image in (noise, 255 * (noise > 127).astype(np.uint8), noise & 1):
        assert np.array_equal(imresize_uint8(image, 1 / factor), _reduced(image, factor))


@pytest.mark.parametrize(
    ("img", "scale"),
    [
        (np.zeros((4, 4), np.float32), 2),
        (np.zeros(4, np.uint8), 2),
        (np.zeros((4, 4), np.uint8), 0),
        (np.zeros((4, 4), np.uint8), -1),
    ],
)
def test_what_is_no_uint8_image_or_scale_is_refused(img: np.ndarray, scale: float) -> None:
    with pytest.raises(ValueError, match=r"uint8|cannot resample"):
        imresize_uint8(img, scale)
