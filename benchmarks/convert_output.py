"""An output of a network becomes an SR file: `python -m benchmarks.convert_output`.

Converted to bytes, checked for NaN and written, for one output of 2040x1356, in several ways, one
after the other in one process, each after a forward pass as in a worker: PyTorch's threads are then
still awake. All ways must write the same bytes. Wall times are of a machine that may do other work;
CPU time is of the threads that convert, without PyTorch's.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # Started by its path, like test_demo.py.
    sys.path.insert(0, str(ROOT))

from benchmarks.images import HEIGHT, SCALE, WIDTH  # noqa: E402
from benchmarks.model import Nearest  # noqa: E402
from esr.base.threads import cores  # noqa: E402
from esr.images import Image, levels  # noqa: E402
from esr.images.official_image import tensor2uint  # noqa: E402
from esr.images.output_image import save_uint  # noqa: E402

Way = Callable[[Tensor, Path], object]


def two_passes(output: Tensor, path: Path) -> None:
    """Look for NaN in the whole output first, then convert the whole, then write it."""
    if not bool(torch.isfinite(output).all()):
        raise SystemExit("error: NaN")
    np.save(path, tensor2uint(output, 1.0))


def into_a_map(output: Tensor, path: Path) -> None:
    """Convert strip by strip into the file, mapped into memory."""
    shape = (HEIGHT, WIDTH, 3)
    image = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)

    def put(top: int, strip: Image) -> None:
        image[top : top + len(strip)] = strip

    levels.convert(output[0].numpy(), 1.0, put)


def in_strips(helper: Executor | None) -> Way:
    """Convert strip by strip and write each at once, as a worker does."""
    return lambda output, path: save_uint(output, 1.0, path, helper)


@dataclass
class Spent:
    """Milliseconds of each repetition."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def measure(repeats: int, outside: bool) -> dict[str, Spent]:
    """Measure every way; `outside` lets values leave [0, 1], as those of most networks do."""
    helper = ThreadPoolExecutor(1)
    ways: dict[str, Way] = {
        "two passes, then written": two_passes,
        "strips, into a mapped file": into_a_map,
        "strips, written one by one": in_strips(None),
        "the same with a helper": in_strips(helper),
    }
    model = Nearest().eval().requires_grad_(False)
    lr = torch.rand((1, 3, HEIGHT // SCALE, WIDTH // SCALE))
    lr = lr * 1.1 - 0.05 if outside else lr
    spent = {name: Spent() for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        expected = Path(folder) / "expected.npy"
        save_uint(model(lr), 1.0, expected)
        for number in range(repeats):
            names = list(ways)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                path = Path(folder) / f"{number}.npy"
                _spend(ways[name], model(lr), path, helper, spent[name])
                assert path.read_bytes() == expected.read_bytes(), name
                path.unlink()
    return spent


def _spend(way: Way, output: Tensor, path: Path, helper: Executor, spent: Spent) -> None:
    in_helper = helper.submit(time.thread_time).result()
    wall, cpu = time.perf_counter(), time.thread_time()
    way(output, path)
    spent.wall.append(1000 * (time.perf_counter() - wall))
    cpu_s = time.thread_time() - cpu + helper.submit(time.thread_time).result() - in_helper
    spent.cpu.append(1000 * cpu_s)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=40)
    repeats = parser.parse_args().repeats
    print(f"{cores()} cores, load {os.getloadavg()[0]:.1f}, {WIDTH}x{HEIGHT}; least (median), ms")
    for outside in (False, True):
        print(f"values {'also outside of' if outside else 'within'} [0, 1]")
        for name, spent in measure(repeats, outside).items():
            wall, cpu = (
                f"{min(x):5.1f} ({statistics.median(x):5.1f})" for x in (spent.wall, spent.cpu)
            )
            print(f"  {name:28} wall {wall}   CPU {cpu}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
