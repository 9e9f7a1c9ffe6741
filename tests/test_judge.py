"""Scoring in the parent: the hint at a wrong data_range."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness import Harness

from esr.datasets.manifest import PairHash
from esr.datasets.staging import StagedImage
from esr.evaluate.judge_data_range import range_note
from esr.images.image_file import imread_uint
from esr.images.metrics import METRICS
from esr.images.official_image import modcrop
from esr.images.resample import imresize_uint8
from esr.submissions.discovery import discover
from esr.submissions.submission import Submission


@pytest.mark.parametrize("name", ["astronaut", "coffee", "hubble", "retina"])
@pytest.mark.parametrize("scale", [2, 4])
def test_the_hint_is_that_of_the_exact_bicubic(
    harness: Harness, root: Path, tmp_path: Path, name: str, scale: int
) -> None:
    """Whatever is done to save the exact one where it is not needed."""
    harness.add("team00_Tiny", sidecar=f"scale = {scale}\n")
    (submission,) = discover(harness.path)
    assert isinstance(submission, Submission)
    hr = modcrop(imread_uint(root / "data" / "demo" / "HR" / f"{name}.png"), scale)
    lr = imresize_uint8(hr, 1 / scale)
    for stem, image in (("lr", lr), ("hr", hr)):
        np.save(tmp_path / f"{stem}.npy", image)
    staged = StagedImage(
        f"{name}.png", tmp_path / "lr.npy", tmp_path / "hr.npy", PairHash(name, "", "")
    )
    exact = METRICS["psnr"].function(imresize_uint8(lr, scale), hr, scale)
    for below in (-3.0, 0.0, 1.5, 1.99):
        assert range_note(staged, exact - below, submission, scale) is None
    for below in (2.01, 2.3, 7.0):
        note = range_note(staged, exact - below, submission, scale)
        assert note is not None
        assert f"{name}.png is {below:.1f} dB below bicubic: check data_range (1)" in note
