"""A whole challenge: forty submissions that cost almost nothing, on 200 images of 2040x1356.

`python -m benchmarks.forty` measures them as `test_demo.py` does, each outcome published at once,
and prints where the time goes, what it takes beside the models' own time, and what memory and
publishing take as the results folder fills. The official loop is run on 20 of the images and
extrapolated: nothing of one image or submission serves another there.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # Started by its path, like test_demo.py.
    sys.path.insert(0, str(ROOT))

from benchmarks.harness_overhead import run_official  # noqa: E402
from benchmarks.images import DIFFERENT, image_folder  # noqa: E402
from benchmarks.model import write_submissions  # noqa: E402
from benchmarks.our_loop import Parts, options, watched  # noqa: E402
from esr.base.own_memory import peak_rss_mib  # noqa: E402
from esr.evaluate.options import Options  # noqa: E402
from esr.evaluate.resume import Plan  # noqa: E402
from esr.evaluate.serial_engine import evaluate_all  # noqa: E402
from esr.evaluate.staged_data import Staged, stage_all  # noqa: E402
from esr.evaluate.submission_run import RunSetting  # noqa: E402
from esr.records.record import Record  # noqa: E402
from esr.records.results_folder import Store  # noqa: E402
from esr.report.formats import make_publisher  # noqa: E402
from esr.report.report_choices import ReportChoices  # noqa: E402
from esr.submissions.discovery import discover  # noqa: E402

BESIDE_MODELS_AT_MOST_S = 240
MEMORY_AT_MOST = 1.05
"""Of the last submission over that of the tenth."""
PUBLISHING_AT_MOST = 2.0
"""Of the last submission over that of the first."""


@dataclass(frozen=True)
class Kept:
    """One submission, measured and published."""

    model_s: float
    publish_s: float
    parent_peak_mib: float
    child_peak_mib: float


@dataclass(frozen=True)
class Whole:
    """All of them."""

    wall_s: float
    cpu_s: float
    """Of the parent and of all its children, models included."""
    staged_s: float
    parts_s: Parts
    kept: tuple[Kept, ...]

    @property
    def model_s(self) -> float:
        """Time of the models, by the stopwatch."""
        return sum(one.model_s for one in self.kept)

    @property
    def beside_models_s(self) -> float:
        """Everything else."""
        return self.wall_s - self.model_s

    def shares(self) -> dict[str, float]:
        """Seconds of each stage; they add up to the wall time."""
        parts = self.parts_s
        stages = {
            "decode and check": self.staged_s,
            "start of processes": parts.start,
            "models": self.model_s,
            "child, beside the model": parts.restore - self.model_s,
            "count and audit": parts.count,
            "end of processes": parts.end,
            "publish": sum(one.publish_s for one in self.kept),
        }
        return {**stages, "between, score, remove": self.wall_s - sum(stages.values())}


def run(submissions: int, images: int) -> Whole:
    """Measure that many submissions on that many images."""
    folder = image_folder(images)
    with tempfile.TemporaryDirectory() as scratch:
        models, save_dir, job_dir, hr_dir = (
            Path(scratch) / name for name in ("models", "results", "jobs", "hr")
        )
        for place in (models, job_dir, hr_dir):
            place.mkdir()
        write_submissions(models, submissions)
        chosen = options(folder, save_dir, with_ssim=False)
        entries = discover(models)
        with watched(job_dir) as watcher:
            start = time.perf_counter()
            staged = stage_all(entries, chosen.data, chosen.procedure, hr_dir)
            staged_s = time.perf_counter() - start
            kept = tuple(_keep_each(chosen, staged, entries, job_dir))
            wall_s = time.perf_counter() - start
    parts = [child.parts for child in watcher.children.values()]
    total = Parts(*(sum(getattr(part, each.name) for part in parts) for each in fields(Parts)))
    return Whole(wall_s, _cpu_s(), staged_s, total, kept)


def _keep_each(
    chosen: Options, staged: Staged, entries: list[Any], job_dir: Path
) -> Iterator[Kept]:
    publisher = make_publisher(ReportChoices())
    store = Store(chosen.output.save_dir, chosen.protocol, (publisher,))
    store.open()
    for outcome in evaluate_all(
        Plan((), (*entries,), (*entries,)), RunSetting(chosen, staged, job_dir)
    ):
        if not isinstance(outcome, Record):  # Somebody else took the memory, say.
            raise SystemExit(f"error: {outcome.label}: {outcome.reason}")
        start = time.perf_counter()
        store.save(outcome)
        publish_s = time.perf_counter() - start
        model_s = sum(image.runtime_ms for image in outcome.splits[0].images) / 1000
        yield Kept(model_s, publish_s, peak_rss_mib(), outcome.peak_rss_mib)


def _cpu_s() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def main() -> int:
    """Measure, print, and say by the exit status whether it is as cheap as asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--submissions", type=int, default=40)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    given = parser.parse_args()
    whole = run(given.submissions, given.images)
    official = run_official(image_folder(DIFFERENT), DIFFERENT, [])
    count = given.submissions * given.images
    official_s = official["overhead_ms"] * count / 1000
    print(f"{given.submissions} submissions on {given.images} images")
    for stage, seconds in whole.shares().items():
        print(f"  {stage:24s} {seconds:8.1f} s {100 * seconds / whole.wall_s:5.1f} %")
    print(f"  {'wall':24s} {whole.wall_s:8.1f} s")
    print(f"  {'CPU, all processes':24s} {whole.cpu_s:8.1f} s")
    print(f"official loop beside the models, extrapolated: {official_s:.0f} s")
    verdicts = _judge(whole)
    for text, value, at_most in verdicts:
        print(f"{text}: {value:.2f} (at most {at_most})")
    if given.json is not None:
        said = {**asdict(whole), "official_beside_models_s": official_s}
        given.json.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    return int(any(value > at_most for _, value, at_most in verdicts))


def _judge(whole: Whole) -> list[tuple[str, float, float]]:
    """List (what, value, limit)."""
    first, last = whole.kept[0], whole.kept[-1]
    tenth = whole.kept[min(9, len(whole.kept) - 1)]
    return [
        ("beside the models, s", whole.beside_models_s, BESIDE_MODELS_AT_MOST_S),
        (
            "parent's memory, last over tenth",
            last.parent_peak_mib / tenth.parent_peak_mib,
            MEMORY_AT_MOST,
        ),
        (
            "child's memory, last over tenth",
            last.child_peak_mib / tenth.child_peak_mib,
            MEMORY_AT_MOST,
        ),
        ("publishing, last over first", last.publish_s / first.publish_s, PUBLISHING_AT_MOST),
    ]


if __name__ == "__main__":
    sys.exit(main())
