"""Does memory grow with the number of images? `python -m benchmarks.memory [--ssim]`.

Peak resident memory of parent and child of a run on 40 and on 200 images of 2040x1356; the larger
set holds the same 20 files under other names, which changes nothing for either process.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # Started by its path, like test_demo.py.
    sys.path.insert(0, str(ROOT))

from benchmarks.harness_overhead import run_ours  # noqa: E402
from benchmarks.images import image_folder  # noqa: E402

FEW, MANY = 40, 200
ALLOWED = 1.10


def main() -> int:
    """Measure, print, and say by the exit status whether memory is bounded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ssim", action="store_true", help="with SSIM beside PSNR")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    given = parser.parse_args()
    flags = ["ssim"] if given.ssim else []
    few, many = (run_ours(image_folder(count), 1, flags) for count in (FEW, MANY))
    found = {
        who: {str(FEW): few[key], str(MANY): many[key], "ratio": many[key] / few[key]}
        for who, key in (("parent", "peak_mib"), ("child", "child_peak_mib"))
    }
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
