"""Our evaluation, through `stage_all` and `evaluate_all`, with what it took.

`python -m benchmarks.our_loop DATA SUBMISSIONS RESULT.json [ssim]` runs it in a process of its own,
which imports what `test_demo.py` imports. Submissions are in DATA/../submissions-N.

A thread looks every 2 ms at what each child has told its parent
(`esr.evaluate.dialogue.hand_over`), and into /proc, and so learns when a child was started, waited
to begin, was let through, began to restore images, had restored the last one, had answered, and
was gone.

While a child starts, the parent scores the submission before. That is in nobody's way, but no
present either: its CPU time, spread over all cores, is counted, and all the time for which the
child then waits.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path

from esr.base.own_memory import peak_rss_mib
from esr.base.threads import cores
from esr.evaluate import worker_result
from esr.evaluate.dialogue.hand_over import HandOver
from esr.evaluate.options import Options, parse
from esr.evaluate.resume import Plan
from esr.evaluate.serial_engine import evaluate_all
from esr.evaluate.settle_sandbox import settle_sandbox
from esr.evaluate.staged_data import stage_all
from esr.evaluate.submission_run import RunSetting
from esr.records.record import Outcome, Record
from esr.sandbox import process_tree
from esr.submissions.discovery import discover

_LOOK_EVERY_S = 0.002


@dataclass(frozen=True)
class Moment:
    """A point in time, in seconds of the monotonic clock."""

    s: float
    parent_cpu_s: float
    """CPU time that the parent and what it has waited for (git) have used until then."""

    @classmethod
    def now(cls) -> Moment:
        """Take it, in the thread that watches, whose own CPU time does not count."""
        used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        cpu_s = sum(usage.ru_utime + usage.ru_stime for usage in used)
        return cls(time.perf_counter(), cpu_s - time.thread_time())


@dataclass
class Child:
    """When a child reached what, in seconds of the monotonic clock."""

    started: Moment | None = None
    waiting: Moment | None = None
    """None if it found the way free."""
    let_through: Moment | None = None
    restoring: Moment | None = None
    restored: Moment | None = None
    answered: Moment | None = None
    gone: Moment | None = None
    pids: frozenset[int] = frozenset()

    @property
    def parts(self) -> Parts:
        """How long its parts took."""
        begun = self.waiting or self.let_through
        marks = [self.started, begun, self.let_through]
        marks += [self.restoring, self.restored, self.answered, self.gone]
        seen = [mark for mark in marks if mark is not None]
        assert len(seen) == len(marks), self
        import_s, wait_s, build_s, restore_s, count_s, end_s = (
            after.s - before.s for before, after in pairwise(seen)
        )
        beside_s = seen[1].parent_cpu_s - seen[0].parent_cpu_s
        return Parts(import_s + build_s, wait_s, restore_s, count_s, end_s, beside_s)


@dataclass(frozen=True)
class Parts:
    """Seconds of a child's life."""

    start: float
    """Start, imports, build and load."""
    wait: float
    """For the parent, when it could have begun."""
    restore: float
    count: float
    """Counting, and our audits."""
    end: float
    """Of the process, when it has answered."""
    beside: float
    """CPU time of the parent while it started."""


@dataclass
class Watcher:
    """Follows the children of a run."""

    job_dir: Path
    children: dict[str, Child] = field(default_factory=dict)
    heard: dict[str, HandOver] = field(default_factory=dict)
    """What each child has said so far."""

    def run(self, ended: threading.Event) -> None:
        """Look until the run has ended."""
        while not ended.wait(_LOOK_EVERY_S):
            labels = {entry.name for entry in os.scandir(self.job_dir)}
            for label in labels:
                self._look(label)
            # What the program holds no longer is not to be held here, as if it were its memory.
            for gone in self.heard.keys() - labels:
                del self.heard[gone]

    def _look(self, label: str) -> None:
        child, now = self.children.setdefault(label, Child()), Moment.now()
        heard = self.heard.get(label)
        child.started = child.started or now
        if child.let_through is None:
            child.waiting = child.waiting or (now if heard is None and _waits() else None)
            child.let_through = now if heard is not None else None
        if heard is not None and heard.stage in ("restore", "count"):
            child.restoring = child.restoring or now
        # What it restores behind the scored images is part of the audit.
        if heard is not None and heard.has_all:
            child.restored = child.restored or now
        if child.answered is None and heard is not None and heard.answer is not None:
            child.answered, child.pids = now, frozenset(process_tree.children(os.getpid()))
        elif child.answered and not child.pids & {*process_tree.children(os.getpid())}:
            child.gone = child.gone or now


@contextmanager
def watched(job_dir: Path) -> Iterator[Watcher]:
    """Follow the children whose folders are made in `job_dir`, until all is done."""
    watcher, ended = Watcher(job_dir), threading.Event()
    thread = threading.Thread(target=watcher.run, args=(ended,))
    vars(worker_result)["HandOver"] = _note_in(watcher)
    thread.start()
    try:
        yield watcher
    finally:
        ended.set()
        thread.join()


def _note_in(watcher: Watcher) -> type[HandOver]:
    """Make a listener that shows the watcher what it has heard."""

    class Noted(HandOver):
        def hear(self, word: str, value: object) -> bytes:
            watcher.heard[self.folder.path.name] = self
            return super().hear(word, value)

    return Noted


def _waits() -> bool:
    # At its barrier (`esr.sandbox.inside.start_barrier`) the child reads from a socket; nobody else
    # of ours does.
    for pid in process_tree.children(os.getpid()):
        with suppress(OSError):
            if "unix_stream" in Path(f"/proc/{pid}/wchan").read_text():
                return True
    return False


def options(folder: Path, save_dir: Path, with_ssim: bool) -> Options:
    """Options of a run of `test_demo.py` that times every image once, as the official script."""
    arguments = ["--data_dir", str(folder.parent), "--dataset", folder.name]
    arguments += ["--save_dir", str(save_dir), "--device", "cpu", "--model_id", "all"]
    arguments += ["--ssim"] if with_ssim else []
    # More than one pass is a choice of more figures, not the cost of reading and scoring.
    arguments += ["--repeats", "0"]
    return settle_sandbox(parse(arguments, save_dir))


def main(folder: Path, submissions: Path, result: Path, with_ssim: bool) -> None:
    """Run once and write what it took."""
    entries = discover(submissions)
    with tempfile.TemporaryDirectory() as save_dir, tempfile.TemporaryDirectory() as job_dir:
        for name in ("logs", "records"):
            (Path(save_dir) / name).mkdir()
        chosen = options(folder, Path(save_dir), with_ssim)
        with watched(Path(job_dir)) as watcher:
            start = time.perf_counter()
            with tempfile.TemporaryDirectory() as hr_dir:
                staged = stage_all(entries, chosen.data, chosen.procedure, Path(hr_dir))
                staged_s = time.perf_counter() - start
                setting = RunSetting(chosen, staged, Path(job_dir))
                outcomes = list(evaluate_all(Plan((), (*entries,), (*entries,)), setting))
            wall_s = time.perf_counter() - start
    result.write_text(json.dumps(_said(outcomes, watcher, staged_s, wall_s)), encoding="utf-8")


def _said(
    outcomes: list[Outcome], watcher: Watcher, staged_s: float, wall_s: float
) -> dict[str, object]:
    records = [outcome for outcome in outcomes if isinstance(outcome, Record)]
    assert len(records) == len(outcomes), outcomes
    images = [image for record in records for image in record.splits[0].images]
    children = list(watcher.children.values())
    parts = [child.parts for child in children]
    start_s, wait_s, restore_s, count_s, end_s, beside_s = (
        sum(getattr(part, each.name) for part in parts) for each in fields(Parts)
    )
    model_s = sum(image.runtime_ms for image in images) / 1000
    not_counted_s = start_s + model_s + count_s + end_s
    child_s = restore_s - model_s
    parts_s = {
        "decode and check": staged_s,
        "child, beside the model": child_s,
        "between, score, remove": wall_s - staged_s - child_s - not_counted_s,
        "the same beside a start": beside_s / cores(),
    }
    return {
        "overhead_ms": 1000 * sum(parts_s.values()) / len(images),
        "model_ms": 1000 * model_s / len(images),
        "parts_ms": {name: 1000 * part / len(images) for name, part in parts_s.items()},
        "start_s": start_s / len(children),
        "wait_s": wait_s / len(children),
        "count_s": count_s / len(children),
        "end_s": end_s / len(children),
        "wall_s": wall_s,
        "peak_mib": peak_rss_mib(),
        "child_peak_mib": max(record.peak_rss_mib or 0 for record in records),
        "scores": [_scores(record) for record in records],
    }


def _scores(record: Record) -> dict[str, list[float]]:
    images = record.splits[0].images
    return {name: [image.scores[name] for image in images] for name in images[0].scores}


if __name__ == "__main__":
    data, models, answer, *rest = sys.argv[1:]
    main(Path(data), Path(models), Path(answer), rest == ["ssim"])
