"""Are preparing and checking bound by decoding? `python benchmarks/data_speed.py [--rounds 5]`.

Images of 2040x1356 in images a second on all cores, beside decoding alone, which is the least that
either can take. The rounds alternate, the best of each counts; CPU time is of all threads.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # Started by its path, like test_demo.py.
    sys.path.insert(0, str(ROOT))

from benchmarks.images import SCALE, image_folder  # noqa: E402
from esr.base.threads import cores  # noqa: E402
from esr.datasets.checking.check_set import check_set  # noqa: E402
from esr.datasets.each_image import map_images  # noqa: E402
from esr.datasets.image_folders import find_sets, list_images  # noqa: E402
from esr.datasets.prepare_lr import prepare  # noqa: E402
from esr.images.image_file import imread_uint  # noqa: E402

IMAGES = 20


@dataclass(frozen=True)
class Spent:
    """What one job on all images took."""

    wall_s: float
    cpu_s: float


def measured(job: Callable[[], object]) -> Spent:
    """Run a job."""
    wall, cpu = time.perf_counter(), time.process_time()
    job()
    return Spent(time.perf_counter() - wall, time.process_time() - cpu)


def jobs(folder: Path) -> dict[str, Callable[[], object]]:
    """List what is measured, decoding alone before what it bounds."""
    (one,) = find_sets(folder, SCALE)
    hr, lr = list_images(folder / "HR"), list_images(folder / "LR_bicubic" / f"X{SCALE}")

    def decode(files: Sequence[Path]) -> None:
        map_images(lambda file: imread_uint(file).shape, files, "decode")

    def made_anew() -> None:
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            (Path(scratch) / "HR").symlink_to(folder / "HR")
            (bare,) = find_sets(Path(scratch), SCALE)
            assert prepare(bare).made == IMAGES

    def checked() -> None:
        assert check_set(one, {}).findings == ()

    return {
        "decode HR and LR": lambda: decode([*hr, *lr]),
        "check": checked,
        "decode HR": lambda: decode(hr),
        "prepare": made_anew,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    folder = Path(tempfile.mkdtemp()) / "set"
    shutil.copytree(image_folder(IMAGES), folder)
    (folder / "complete").unlink()
    spent: dict[str, list[Spent]] = {}
    for _ in range(rounds):
        for name, job in jobs(folder).items():
            spent.setdefault(name, []).append(measured(job))
    shutil.rmtree(folder.parent)
    print(f"{cores()} cores, load {os.getloadavg()[0]:.0f}, {IMAGES} images, {rounds} rounds")
    for name, bound in (("check", "decode HR and LR"), ("prepare", "decode HR")):
        wall, least = (min(one.wall_s for one in spent[job]) for job in (name, bound))
        cpu, least_cpu = (min(one.cpu_s for one in spent[job]) for job in (name, bound))
        print(
            f"{name}: {IMAGES / wall:.1f} images/s, {bound} alone {IMAGES / least:.1f}:"
            f" {wall / least:.2f} times as long; CPU {1e3 * cpu / IMAGES:.0f} ms an image,"
            f" decoding {1e3 * least_cpu / IMAGES:.0f}: {cpu / least_cpu:.2f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
