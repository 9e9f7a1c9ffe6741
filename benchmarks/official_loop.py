"""The official evaluation loop, written anew: the same library calls in the same order.

After `run` in test_demo.py of NTIRE2024_ESR and the functions of utils/utils_image.py that it
calls; 2022 to 2026 differ in nothing that takes time here. On the CPU the two CUDA events are a
clock. `python -m benchmarks.official_loop DATA COUNT RESULT.json [ssim]` runs it in a process of
its own, as the official script is.
"""

from __future__ import annotations

import json
import logging
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from benchmarks.images import SCALE, pair
from benchmarks.model import Nearest
from esr.base.own_memory import peak_rss_mib

Array = npt.NDArray[Any]


def imread(path: Path) -> Array:
    """Read RGB."""
    image: Any = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    code = cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB
    rgb: Array = cv2.cvtColor(image, code)
    return rgb


def to_tensor(image: Array, data_range: float) -> Tensor:
    """(H, W, 3) to (1, 3, H, W)."""
    tensor = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float()
    return tensor.div(255.0 / data_range).unsqueeze(0)


def to_uint8(image: Tensor, data_range: float) -> Array:
    """(1, 3, H, W) to (H, W, 3), as a view with the strides of (3, H, W)."""
    values = image.data.squeeze().float().clamp_(0, 1 * data_range).cpu().numpy()
    levels: Any = (np.transpose(values, (1, 2, 0)) * 255.0 / data_range).round()
    return np.uint8(levels)  # type: ignore[return-value]


def modcrop(image: Array, scale: int) -> Array:
    """Copy, and cut off what is no multiple of the scale."""
    whole = np.copy(image)
    height, width = whole.shape[:2]
    return whole[: height - height % scale, : width - width % scale, :]


def psnr(first: Array, second: Array, border: int) -> float:
    """PSNR in dB."""
    height, width = first.shape[:2]
    first = first[border : height - border, border : width - border].astype(np.float64)
    second = second[border : height - border, border : width - border].astype(np.float64)
    error = np.mean((first - second) ** 2)
    return math.inf if error == 0 else 20 * math.log10(255.0 / math.sqrt(error))


def ssim(first: Array, second: Array, border: int) -> float:
    """SSIM: three times the same, and their mean."""
    height, width = first.shape[:2]
    first = first[border : height - border, border : width - border]
    second = second[border : height - border, border : width - border]
    return float(np.array([_ssim(first, second) for _ in range(3)]).mean())


def _ssim(first: Array, second: Array) -> np.float64:
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    x, y = first.astype(np.float64), second.astype(np.float64)
    gaussian = cv2.getGaussianKernel(11, 1.5)
    window = np.outer(gaussian, gaussian.transpose())

    def blur(image: Array) -> Array:
        return cv2.filter2D(image, -1, window)[5:-5, 5:-5]

    mean_x, mean_y = blur(x), blur(y)
    square_x, square_y, product = mean_x**2, mean_y**2, mean_x * mean_y
    variance_x = blur(x**2) - square_x
    variance_y = blur(y**2) - square_y
    covariance = blur(x * y) - product
    above = (2 * product + c1) * (2 * covariance + c2)
    similarity: Array = above / ((square_x + square_y + c1) * (variance_x + variance_y + c2))
    return np.float64(similarity.mean())


class Laps:
    """Milliseconds spent in each stage, added up."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is done within."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.ms[name] = self.ms.get(name, 0.0) + 1000 * (time.perf_counter() - start)


def run(
    model: Callable[[Tensor], Tensor], folder: Path, count: int, with_ssim: bool, laps: Laps
) -> dict[str, list[float]]:
    """Evaluate as the official script does."""
    logger = logging.getLogger("official")
    results: dict[str, list[float]] = {"psnr": [], "ssim": []}
    for number in range(count):
        lr_file, hr_file = pair(folder, number)
        with laps.stage("decode LR"):
            lr_image = imread(lr_file)
        with laps.stage("to tensor"):
            lr = to_tensor(lr_image, 1.0).to("cpu")
        with laps.stage("model"):
            output = model(lr)
        with laps.stage("to uint8"):
            sr = to_uint8(output, 1.0)
        with laps.stage("decode HR"):
            hr = modcrop(imread(hr_file).squeeze(), SCALE)
        with laps.stage("PSNR"):
            results["psnr"].append(psnr(sr, hr, SCALE))
        message = f"{hr_file.name} - PSNR: {results['psnr'][-1]:.2f} dB"
        if with_ssim:
            with laps.stage("SSIM"):
                results["ssim"].append(ssim(sr, hr, SCALE))
            message += f"; SSIM: {results['ssim'][-1]:.4f}."
        with laps.stage("log"):
            logger.info(message)
    return results


def main(folder: Path, count: int, result: Path, with_ssim: bool) -> None:
    """Run the loop once and write what it took."""
    logger = logging.getLogger("official")
    logger.setLevel(logging.INFO)
    for handler in (logging.FileHandler(result.with_suffix(".log")), logging.StreamHandler()):
        logger.addHandler(handler)
    model: nn.Module = Nearest().eval()
    for parameter in model.parameters():
        parameter.requires_grad = False
    laps = Laps()
    start = time.perf_counter()
    results = run(model, folder, count, with_ssim, laps)
    wall_ms = 1000 * (time.perf_counter() - start)
    said = {
        "overhead_ms": (wall_ms - laps.ms["model"]) / count,
        "model_ms": laps.ms["model"] / count,
        "stages_ms": {name: ms / count for name, ms in laps.ms.items() if name != "model"},
        "peak_mib": peak_rss_mib(),
        "scores": results,
        "loop_s": wall_ms / 1000,
    }
    result.write_text(json.dumps(said), encoding="utf-8")


if __name__ == "__main__":
    data, number, answer, *rest = sys.argv[1:]
    main(Path(data), int(number), Path(answer), rest == ["ssim"])
