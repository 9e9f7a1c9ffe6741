"""Floating point to 8 bits in strips and threads: the official bytes, and nothing left behind."""

from __future__ import annotations

import errno
import os
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from harness import PATIENCE_S

from esr.images.levels import convert
from esr.images.output_image import save_uint, tensor2levels


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


@pytest.mark.parametrize("data_range", [1.0, 255.0, 0.7])
@pytest.mark.parametrize("lowest", [-1, 0])
def test_values_of_any_size_become_black_or_white(data_range: float, lowest: int) -> None:
    """Up to what float32 holds, and past what an integer of 32 bits does, with a sign or without."""
    sizes = np.geomspace(1e-3, 1e35, 6 * 400).reshape(1, 3, 20, 40) * data_range
    signs = np.random.default_rng(5).choice([lowest, 1, 1], sizes.shape)
    for largest in (1.1, 1e5, 1e6, 1e7, 1e9, 1e35):
        img = torch.from_numpy((np.minimum(sizes, largest * data_range) * signs).astype(np.float32))
        expected = _official(img[0].numpy(), data_range)
        assert np.array_equal(tensor2levels(img, data_range)[0], expected)


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


def test_a_helper_takes_part(tmp_path: Path) -> None:
    values, seen = _image(3, 1.0, 900, 2040)[0].numpy(), set()
    both = threading.Barrier(2)

    def put(top: int, strip: np.ndarray) -> None:
        if threading.current_thread() not in seen:
            seen.add(threading.current_thread())
            both.wait(timeout=PATIENCE_S)

    with ThreadPoolExecutor(1) as helper:
        extremes = convert(values, 1.0, put, helper)
    assert len(seen) == 2
    assert extremes == (values.min(), values.max())


def test_a_helper_that_gets_no_core_is_not_waited_for() -> None:
    values, busy = _image(3, 1.0, 900, 2040)[0].numpy().copy(), threading.Event()
    with ThreadPoolExecutor(1) as helper:
        helper.submit(busy.wait, 60)
        assert convert(values, 1.0, lambda top, strip: None, helper) == (values.min(), values.max())
        # Nor does it keep an output of the network until it gets one.
        kept = weakref.ref(values)
        del values
        assert kept() is None
        busy.set()


@pytest.mark.parametrize("failing", ["MainThread", "helper"])
def test_an_error_in_either_thread_is_raised_when_both_are_done(failing: str) -> None:
    values, names = _image(3, 1.0, 900, 2040)[0].numpy(), []
    both = threading.Barrier(2)

    def put(top: int, strip: np.ndarray) -> None:
        name = threading.current_thread().name
        if name not in names:
            names.append(name)
            both.wait(timeout=PATIENCE_S)
        if name.startswith(failing):
            raise OSError(errno.ENOSPC, "full")

    with ThreadPoolExecutor(1, "helper") as helper, pytest.raises(OSError, match="full"):
        convert(values, 1.0, put, helper)
    assert len(names) == 2


def test_a_strip_that_was_not_written_whole_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda to, data, at: pwrite(to, bytes(data)[:-1], at))
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        save_uint(_image(4, 1.0, 300, 300), 1.0, tmp_path / "sr.npy")
