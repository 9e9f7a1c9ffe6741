"""Our evaluation, through `stage_all` and `evaluate_all`, with what it took.

`python -m benchmarks.our_loop DATA SUBMISSIONS RESULT.json [ssim]` runs it in a process of its own,
which imports what `test_demo.py` imports. Submissions are in DATA/../submissions-N.

Nothing is patched: a thread looks every 2 ms at the files through which parent and child talk
(`utils.job`), and so learns when a child was started, when it began to restore images, when it had
restored the last one and when it had answered.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, fields
from pathlib import Path

from utils.evaluation import evaluate_all, stage_all
from utils.job import JobFolder
from utils.options import Options, parse
from utils.record import Outcome, Record
from utils.submission import discover

_LOOK_EVERY_S = 0.002


@dataclass
class Child:
    """When a child reached what, in seconds of the monotonic clock."""

    started: float | None = None
    restoring: float | None = None
    restored: float | None = None
    answered: float | None = None

    @property
    def excluded_s(self) -> float:
        """Process start, imports, build and load; then counting, and whatever audit follows."""
        assert self.started and self.restoring and self.restored and self.answered, self
        return self.restoring - self.started + self.answered - self.restored


@dataclass
class Watcher:
    """Follows the children of a run."""

    job_dir: Path
    labels: list[str]
    children: dict[str, Child] = field(default_factory=dict)

    def run(self, ended: threading.Event) -> None:
        """Look until the run has ended."""
        while not ended.wait(_LOOK_EVERY_S):
            for label in self.labels:
                if (self.job_dir / label).exists():
                    self._look(JobFolder(self.job_dir / label), label)

    def _look(self, folder: JobFolder, label: str) -> None:
        child, now = self.children.setdefault(label, Child()), time.perf_counter()
        try:
            stage = folder.stage.read_text() if folder.stage.exists() else ""
        except OSError:  # The run removes the folder when it likes.
            return
        if child.started is None and folder.job.exists():
            child.started = now
        if child.restoring is None and stage in ("restore", "count"):
            child.restoring = now
        if child.restored is None and stage == "count":
            child.restored = now
        if child.answered is None and folder.measurement.exists():
            child.answered = now


def options(folder: Path, save_dir: Path, with_ssim: bool) -> Options:
    """Options of a run of `test_demo.py` that times every image once, as the official script."""
    arguments = ["--data_dir", str(folder.parent), "--dataset", folder.name]
    arguments += ["--save_dir", str(save_dir), "--device", "cpu", "--model_id", "all"]
    arguments += ["--ssim"] if with_ssim else []
    # More than one pass is a choice of more figures, not the cost of reading and scoring.
    if "repeats" in {option.name for option in fields(Options)}:
        arguments += ["--repeats", "0"]
    return parse(arguments, save_dir)


def main(folder: Path, submissions: Path, result: Path, with_ssim: bool) -> None:
    """Run once and write what it took."""
    entries = discover(submissions)
    labels = [entry.label for entry in entries]
    with tempfile.TemporaryDirectory() as save_dir, tempfile.TemporaryDirectory() as job_dir:
        for name in ("logs", "records"):
            (Path(save_dir) / name).mkdir()
        chosen = options(folder, Path(save_dir), with_ssim)
        watcher, ended = Watcher(Path(job_dir), labels), threading.Event()
        thread = threading.Thread(target=watcher.run, args=(ended,))
        thread.start()
        try:
            start = time.perf_counter()
            with tempfile.TemporaryDirectory() as hr_dir:
                staged = stage_all(entries, chosen, Path(hr_dir))
                staged_s = time.perf_counter() - start
                outcomes = list(evaluate_all(entries, staged, chosen, Path(job_dir)))
            wall_s = time.perf_counter() - start
        finally:
            ended.set()
            thread.join()
    result.write_text(json.dumps(_said(outcomes, watcher, staged_s, wall_s)), encoding="utf-8")


def _said(
    outcomes: list[Outcome], watcher: Watcher, staged_s: float, wall_s: float
) -> dict[str, object]:
    records = [outcome for outcome in outcomes if isinstance(outcome, Record)]
    assert len(records) == len(outcomes), outcomes
    images = [image for record in records for image in record.splits[0].images]
    model_ms = sum(image.runtime_ms for image in images)
    children = list(watcher.children.values())
    excluded_s = sum(child.excluded_s for child in children)
    restoring_s = sum((child.restored or 0) - (child.restoring or 0) for child in children)
    every = len(images)
    return {
        "overhead_ms": (1000 * (wall_s - excluded_s) - model_ms) / every,
        "model_ms": model_ms / every,
        "parts_ms": {
            "decode and check": 1000 * staged_s / every,
            "child, beside the model": (1000 * restoring_s - model_ms) / every,
            "job files, score, remove": 1000 * (wall_s - staged_s - excluded_s - restoring_s) / every,
        },
        "start_s": sum((child.restoring or 0) - (child.started or 0) for child in children)
        / len(children),
        "count_s": sum((child.answered or 0) - (child.restored or 0) for child in children)
        / len(children),
        "wall_s": wall_s,
        "peak_mib": _peak_mib(),
        "child_peak_mib": max(record.peak_rss_mib or 0 for record in records),
        "scores": [
            {
                name: [image.scores[name] for image in record.splits[0].images]
                for name in record.splits[0].images[0].scores
            }
            for record in records
        ],
    }


def _peak_mib() -> float:
    # Not by `utils.timing`, which brings PyTorch into a process that has none.
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    data, models, answer, *rest = sys.argv[1:]
    main(Path(data), Path(models), Path(answer), rest == ["ssim"])
