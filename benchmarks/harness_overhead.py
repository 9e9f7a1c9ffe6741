"""What the harness costs beside the models: `python -m benchmarks.harness_overhead`.

Our loop and the official one, written anew, on the same 2040x1356 images with a model that costs
almost nothing, alternating. See README.md in this folder for what is counted.

What other jobs of the machine take only ever adds to a figure, so each loop is represented by its
fastest round; medians are printed beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # Started by its path, like test_demo.py.
    sys.path.insert(0, str(ROOT))

from benchmarks.images import image_folder, pair  # noqa: E402
from benchmarks.model import write_submissions  # noqa: E402
from benchmarks.stages import stages  # noqa: E402
from esr.base.threads import cores, in_parallel, keep_freed_memory  # noqa: E402
from esr.images.image_file import imread_uint  # noqa: E402
from esr.measure.device import cpu_name  # noqa: E402

SUBMISSIONS = (1, 10)


def target(submissions: int, with_ssim: bool) -> float:
    """Say what share of the official loop's overhead is asked for: less where there are 4 cores."""
    if with_ssim:
        return 0.12 if submissions == 1 else 0.08
    return (0.2 if cores() >= 4 else 0.25) if submissions == 1 else 0.1


def run_official(folder: Path, count: int, flags: list[str]) -> dict[str, Any]:
    """Run the official loop in a fresh process."""
    return _run("benchmarks.official_loop", str(folder), str(count), flags=flags)


def run_ours(folder: Path, submissions: int, flags: list[str]) -> dict[str, Any]:
    """Run our loop over that many submissions in a fresh process."""
    with tempfile.TemporaryDirectory() as models:
        write_submissions(Path(models), submissions)
        return _run("benchmarks.our_loop", str(folder), models, flags=flags)


def _run(module: str, *arguments: str, flags: list[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as answers:
        answer = Path(answers) / "answer.json"
        command = [sys.executable, "-m", module, *arguments, str(answer), *flags]
        start = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
        said: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        said["process_s"] = time.perf_counter() - start
        return said


def same_scores(official: dict[str, Any], ours: dict[str, Any]) -> None:
    """Make sure that every metric value is the official one, to the last digit."""
    expected = {name: values for name, values in official["scores"].items() if values}
    for number, scores in enumerate(ours["scores"]):
        if scores != expected:
            raise SystemExit(f"error: submission {number} has other metric values")


def floor_ms(folder: Path, count: int) -> float:
    """Decode every image once, on all cores, and keep nothing: milliseconds per image."""
    files = [file for number in range(count) for file in pair(folder, number)]

    def decode(file: Path) -> None:
        imread_uint(file)

    keep_freed_memory()
    start = time.perf_counter()
    in_parallel(decode, files)
    return 1000 * (time.perf_counter() - start) / count


def measure(images: int, rounds: int, with_ssim: bool) -> dict[str, Any]:
    """Alternate between the two loops, and compare what they cost and what they say."""
    folder, flags = image_folder(images), ["ssim"] if with_ssim else []
    runs: dict[str, list[dict[str, Any]]] = {"official": [], "1": [], "10": []}
    floors = []
    for number in range(rounds):
        runs["official"].append(run_official(folder, images, flags))
        for submissions in SUBMISSIONS:
            runs[str(submissions)].append(run_ours(folder, submissions, flags))
            same_scores(runs["official"][-1], runs[str(submissions)][-1])
        floors.append(floor_ms(folder, images))
        sys.stderr.write(f"round {number + 1} of {rounds}: {_round(runs)}\n")
    with tempfile.TemporaryDirectory() as scratch:
        by_stage = stages(folder, images, with_ssim, Path(scratch))
    official, one, ten = (_fastest(runs[key])["overhead_ms"] for key in ("official", "1", "10"))
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{cpu_name()}, {cores()} cores, {platform.platform()}",
        "load_average": os.getloadavg()[0],
        "images": images,
        "rounds": rounds,
        "ssim": with_ssim,
        "official_ms": official,
        "one_submission_ms": one,
        "ten_submissions_ms": ten,
        "ratio_one_submission": one / official,
        "ratio_ten_submissions": ten / official,
        "floor_one_submission_ms": min(floors),
        "floor_ten_submissions_ms": min(floors) / 10,
        "metric_values_identical": True,
        "stages_ms": by_stage,
        "runs": {
            name: [{key: value for key, value in run.items() if key != "scores"} for run in several]
            for name, several in runs.items()
        },
    }


def _median(runs: list[dict[str, Any]], name: str) -> float:
    return statistics.median(float(run[name]) for run in runs)


def _fastest(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return min(runs, key=lambda run: float(run["overhead_ms"]))


def _round(runs: dict[str, list[dict[str, Any]]]) -> str:
    return ", ".join(
        f"{name} {several[-1]['overhead_ms']:.1f} ms" for name, several in runs.items()
    )


def show(found: dict[str, Any]) -> None:
    """Print the figures."""
    runs = found["runs"]
    print(f"{found['machine']}, load {found['load_average']:.1f}, {found['date']}")
    print(f"{found['images']} images of 2040x1356, SSIM {'on' if found['ssim'] else 'off'},")
    print(f"fastest of {found['rounds']} alternating rounds; metric values identical\n")
    print("Overhead per image and submission, beside the model's own time")
    median = _median(runs["official"], "overhead_ms")
    print(f"  official loop         {found['official_ms']:8.1f} ms (median {median:.1f})")
    for name, key, submissions in (("one", "one_submission", 1), ("ten", "ten_submissions", 10)):
        several, ratio = runs[str(submissions)], found[f"ratio_{key}"]
        median = _median(several, "overhead_ms")
        asked = target(submissions, found["ssim"])
        verdict = f"target {asked}: {'ok' if ratio <= asked else 'MISSED'}"
        print(f"  ours, {name:3} submission(s)  {found[f'{key}_ms']:6.1f} ms (median {median:.1f})")
        print(f"      {'of the official loop':26} {ratio:6.3f}    {verdict}")
        for part, ms in _fastest(several)["parts_ms"].items():
            print(f"      {part:26} {ms:6.1f} ms")
        print(f"      {'floor: decoding alone':26} {found[f'floor_{key}_ms']:6.1f} ms")
    print("\nStep by step, one image, all threads (CPU ms)       official     ours")
    for name, sides in found["stages_ms"].items():
        official, ours = sides.get("official"), sides["ours"]
        print(
            f"  {name:48} {official:8.2f} {ours:8.2f}" if official else f"  {name:57} {ours:8.2f}"
        )
    print("\nNot counted above, per process or submission")
    started = _median(runs["official"], "process_s") - _median(runs["official"], "loop_s")
    print(f"  official: start, imports, end {started:.2f} s; it counts for more, not done here")
    ours = {part: _median(runs["10"], f"{part}_s") for part in ("start", "end", "count")}
    print(
        f"  ours: start, imports, build {ours['start']:.2f} s, end {ours['end']:.2f} s,"
        f" counting {ours['count']:.2f} s"
    )
    print("\nPeak resident memory")
    print(f"  official {_median(runs['official'], 'peak_mib'):.0f} MiB (one process)")
    for name in ("1", "10"):
        parent, child = _median(runs[name], "peak_mib"), _median(runs[name], "child_peak_mib")
        print(f"  ours, {name} submissions: parent {parent:.0f} MiB, child {child:.0f} MiB")


def main() -> int:
    """Measure, print, and write the same as JSON where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3, help="official, ours, official, ours, ...")
    parser.add_argument("--ssim", action="store_true", help="with SSIM beside PSNR")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    given = parser.parse_args()
    found = measure(given.images, given.rounds, given.ssim)
    show(found)
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
