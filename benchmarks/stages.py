"""Each step of both loops by itself, one image after the other: CPU time of all its threads.

The parts of the official loop and what does the same work here; ours runs in several threads where
it can, so its steps add up to work, not to waiting.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks import official_loop
from benchmarks.images import SCALE, pair
from benchmarks.model import Nearest
from esr.base.sha256 import hash_bytes
from esr.datasets.scorable_size import refuse_too_small
from esr.evaluate.score_images import read_sr
from esr.images import Image, image_file, official_image, output_image
from esr.images.metrics import METRICS

Step = Callable[[], object]


def stages(folder: Path, count: int, with_ssim: bool, scratch: Path) -> dict[str, dict[str, float]]:
    """Measure every step on `count` images; median milliseconds per image, by step and side."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    model = Nearest().eval().requires_grad_(False)
    samples: dict[str, dict[str, list[float]]] = {}
    for number in range(count):
        for name, sides in _steps(folder, number, model, with_ssim, scratch).items():
            for side, step in sides.items():
                start = time.process_time()  # Some steps have threads of their own.
                step()
                ms = 1000 * (time.process_time() - start)
                samples.setdefault(name, {}).setdefault(side, []).append(ms)
    return {
        name: {side: statistics.median(ms) for side, ms in sides.items()}
        for name, sides in samples.items()
    }


def _steps(
    folder: Path, number: int, model: Nearest, with_ssim: bool, scratch: Path
) -> dict[str, dict[str, Step]]:
    lr_file, hr_file = pair(folder, number)
    hr_data = image_file.read_image_file(hr_file)
    lr_image, hr = image_file.imread_uint(lr_file), image_file.decode_uint(hr_data, hr_file)
    output = model(official_loop.to_tensor(lr_image, 1.0))
    official_sr, sr = official_loop.to_uint8(output, 1.0), official_image.tensor2uint(output, 1.0)
    sr_file, lr_copy = scratch / "sr.npy", scratch / "lr.npy"
    np.save(sr_file, sr)
    np.save(lr_copy, lr_image)

    steps: dict[str, dict[str, Step]] = {
        "decode LR": {
            "official": lambda: official_loop.imread(lr_file),
            "ours": lambda: image_file.imread_uint(lr_file),
        },
        "decode HR": {
            "official": lambda: official_loop.modcrop(official_loop.imread(hr_file), SCALE),
            "ours": lambda: image_file.imread_uint(hr_file),
        },
        "to tensor": {
            "official": lambda: official_loop.to_tensor(lr_image, 1.0),
            "ours": lambda: official_image.uint2tensor4(lr_image, 1.0),
        },
        "to uint8": {
            "official": lambda: official_loop.to_uint8(output, 1.0),
            "ours": lambda: official_image.tensor2uint(output, 1.0),
        },
        "HR once decoded: hashed, checked, kept": {
            "ours": lambda: _keep_hr(hr, hr_data, hr_file, scratch / f"{number}.npy"),
        },
        "to uint8, checked and written": {
            "ours": lambda: output_image.save_uint(output, 1.0, sr_file)
        },
        "job files": {"ours": lambda: shutil.copyfile(lr_copy, scratch / "copy.npy")},
        "PSNR": {
            "official": lambda: official_loop.psnr(official_sr, hr, SCALE),
            "ours": lambda: METRICS["psnr"].function(read_sr(sr_file, hr.shape), hr, SCALE),
        },
    }
    if with_ssim:
        steps["SSIM"] = {
            "official": lambda: official_loop.ssim(official_sr, hr, SCALE),
            "ours": lambda: METRICS["ssim"].function(sr, hr, SCALE),
        }
    return steps


def _keep_hr(hr: Image, data: bytes, file: Path, target: Path) -> None:
    hash_bytes(data)
    refuse_too_small(hr.shape, 1, SCALE, file)
    np.save(target, hr)
