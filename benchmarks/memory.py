"""Does memory grow with the number of images? `python -m benchmarks.memory [--ssim]`.

Peak resident memory of parent and child of a run on 40 and on 200 images of 2040x1356; the larger
set holds the same 20 files under other names, which changes nothing for either process. Median of
several runs.

glibc is told to return freed blocks above 128 KiB, what it begins with, and to learn no other
limit. Else it keeps none, one, two or three of the network's outputs of 33 MB for later, as its
heap happens to lie, and what the child peaks at in equal runs differs by that much.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # Started by its path, like test_demo.py.
    sys.path.insert(0, str(ROOT))

from benchmarks.harness_overhead import run_ours  # noqa: E402
from benchmarks.images import image_folder  # noqa: E402

FEW, MANY = 40, 200
ALLOWED = 1.10
_RETURN_FREED = "glibc.malloc.mmap_threshold=131072"


def main() -> int:
    """Measure, print, and say by the exit status whether memory is bounded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ssim", action="store_true", help="with SSIM beside PSNR")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    given = parser.parse_args()
    flags = ["ssim"] if given.ssim else []
    os.environ["GLIBC_TUNABLES"] = _RETURN_FREED
    runs: dict[int, list[dict[str, Any]]] = {FEW: [], MANY: []}
    for _ in range(given.rounds):
        for count, several in runs.items():
            several.append(run_ours(image_folder(count), 1, flags))
    found = {}
    for who, key in (("parent", "peak_mib"), ("child", "child_peak_mib")):
        few, many = (statistics.median(run[key] for run in several) for several in runs.values())
        found[who] = {str(FEW): few, str(MANY): many, "ratio": many / few}
    for who, mib in found.items():
        print(
            f"{who}: {mib[str(FEW)]:.0f} MiB on {FEW} images, {mib[str(MANY)]:.0f} MiB on {MANY}:"
            f" ratio {mib['ratio']:.3f} (at most {ALLOWED})"
        )
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return int(any(mib["ratio"] > ALLOWED for mib in found.values()))


if __name__ == "__main__":
    sys.exit(main())
