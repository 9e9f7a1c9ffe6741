"""Floating point to 8 bits in strips and threads: the official bytes, and nothing left behind."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from utils.images.levels import convert
from utils.utils_image import save_uint, tensor2levels


def _official(values: np.ndarray, data_range: float) -> np.ndarray:
    """The official expression, over the whole image at once."""
    clamped = np.clip(values, 0, data_range).transpose(1, 2, 0)
    return np.uint8((clamped * 255.0 / data_range).round())


def _image(seed: int, data_range: float, height: int, width: int) -> torch.Tensor:
    values = np.random.default_rng(seed).normal(0.5, 0.4, (1, 3, height, width)) * data_range
    return torch.from_numpy(values.astype(np.float32))


@pytest.mark.parametrize("data_range", [1.0, 255.0, 0.7])
@pytest.mark.parametrize("size", [(2, 7), (301, 2040), (700, 513), (2, 200_000)])
def test_an_image_of_many_strips_is_saved_with_the_official_bytes(
    tmp_path: Path, data_range: float, size: tuple[int, int]
) -> None:
    img = _image(sum(size), data_range, *size)
    expected = _official(img[0].numpy(), data_range)
    assert save_uint(img, data_range, tmp_path / "sr.npy") == (img.min(), img.max())
    assert np.array_equal(np.load(tmp_path / "sr.npy"), expected)
    image, extremes = tensor2levels(img, data_range)
    assert np.array_equal(image, expected)
    assert extremes == (img.min(), img.max())


def test_strides_do_not_matter() -> None:
    img = _image(1, 1.0, 400, 700).to(memory_format=torch.channels_last)
    assert np.array_equal(tensor2levels(img, 1.0)[0], _official(img[0].numpy(), 1.0))


@pytest.mark.parametrize("row", [0, 150, 299])
def test_a_nan_is_seen_in_any_strip_and_spoils_no_other_value(row: int) -> None:
    img = _image(2, 1.0, 300, 2040)
    expected = _official(img[0].numpy(), 1.0)
    img[0, 1, row, 5] = float("nan")
    image, extremes = tensor2levels(img, 1.0)
    assert np.isnan(extremes).all()
    image[row, 5, 1] = expected[row, 5, 1]
    assert np.array_equal(image, expected)


def test_its_threads_are_gone_when_it_returns() -> None:
    before, seen = set(threading.enumerate()), set()
    values = _image(3, 1.0, 900, 2040)[0].numpy()
    convert(values, 1.0, lambda top, strip: seen.add(threading.current_thread()))
    assert seen
    assert set(threading.enumerate()) == before


def test_a_strip_that_was_not_written_whole_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda to, data, at: pwrite(to, bytes(data)[:-1], at))
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        save_uint(_image(4, 1.0, 300, 300), 1.0, tmp_path / "sr.npy")
