"""A further process of a submission that is measured already: its runtimes, added to the record.

It does what the first one did up to the timed passes, behind the same fences and by the same
clocks; it is neither counted nor audited, and its SR images must be those of the first. Whatever
happens to it, the record that there is stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from esr.base.errors import printable_line
from esr.datasets.staging import StagedSplit
from esr.evaluate.dialogue.further_images import FurtherImage
from esr.evaluate.score_images import hash_images, score_images
from esr.evaluate.scoring import as_it_was
from esr.evaluate.submission_run import RunSetting, SubmissionRun
from esr.measure.bootstrap import steady_timing
from esr.measure.job import Job, SubmissionFailed
from esr.records.bounds import FLAGS_AT_MOST
from esr.records.measurement import Flag, Machine
from esr.records.record import Outcome, Record
from esr.records.split_result import ProcessTiming, SplitResult
from esr.records.timing_samples import SplitTiming
from esr.submissions.submission import Entry, Measurable

FAILED, DIFFERS = "process_failed", "process_output_differs"
ELSEWHERE = "process_on_another_machine"
_UNSTEADY = ("not_deterministic", "timed_output_differs")
"""Flags of the first process that say that its outputs differ among themselves."""


class FurtherProcess(SubmissionRun):
    """A further process on its way into the record.

    Args:
        entry: what is measured.
        setting: of the run.
        record: what the processes before have measured.
    """

    def __init__(self, entry: Entry, setting: RunSetting, record: Record) -> None:
        super().__init__(entry, setting)
        self._record = record
        self.process = record.process_count + 1

    def _describe_job(self, submission: Measurable, splits: Sequence[StagedSplit]) -> Job:
        job = super()._describe_job(submission, splits)
        passes = replace(job.passes, deploy=(), layers=False)
        return replace(job, is_further=True, fixed_input=None, passes=passes)

    def _choose_further(self, splits: Sequence[StagedSplit]) -> tuple[FurtherImage, ...]:
        return ()  # The first process was asked.

    def score(self) -> None:
        """Compare its SR images with those of the first process.

        Raises:
            SubmissionFailed: one is absent or damaged, or this is another submission by now.
        """
        entry, source, fork = as_it_was(self._job.entry, self._job.source, self._measurement)
        then = self._record.provenance
        same = (then.model_sha256, then.checkpoint_sha256, self._record.sidecar, self._record.fork)
        if (source.model_sha256, source.checkpoint_sha256, entry.sidecar, fork) != same:
            raise SubmissionFailed("invalid", "its files are others than in the first process")
        self._differing = [*self._find_differing()]

    def finish(self) -> Record:
        """Add its runtimes and what is new among its flags.

        Raises:
            SubmissionFailed: it raises more flags than a record holds.
        """
        record, measurement = self._record, self._measurement
        splits = tuple(
            replace(split, processes=(*split.processes, read_timing(timing)))
            for split, timing in zip(record.splits, measurement.splits, strict=True)
        )
        left_out = (f"process {self.process}: {what}" for what in measurement.left_out)
        elsewhere = flag_other_machine(record.machine, measurement.machine)
        new = [*measurement.flags, *self._differing, *elsewhere]
        flags = add_flags(record.flags, new, self.process)
        if len(flags) >= FLAGS_AT_MOST:
            raise SubmissionFailed("invalid", f"it raises {len(new)} flags")
        return replace(record, splits=splits, flags=flags, left_out=(*record.left_out, *left_out))

    def fail(self, failed: SubmissionFailed) -> Outcome:
        """Keep what there is, and say what went wrong; of several failures the last."""
        log = f"; log: logs/{self._log.name}" if self._log.exists() else ""
        detail = f"process {self.process} ({failed.stage}): {failed.reason}{log}"
        others = (flag for flag in self._record.flags if flag.name != FAILED)
        return replace(self._record, flags=(*others, Flag(FAILED, printable_line(detail))))

    def _find_differing(self) -> Iterator[Flag]:
        """Flag SR images that are others than those of the first process."""
        apart: list[float] = []
        for number, (split, staged) in enumerate(
            zip(self._record.splits, self._job.splits, strict=True)
        ):
            apart += self._compare(split, staged, number)
        if not apart:
            return
        steady = not any(flag.name in _UNSTEADY for flag in self._record.flags)
        cause = (
            "what a further process timed is not what is scored"
            if steady
            else "the network is not deterministic within a process either"
        )
        total = sum(len(split.images) for split in self._record.splits)
        yield Flag(
            DIFFERS,
            f"{len(apart)} of {total} SR images differ from those of the first process, their PSNR"
            f" by up to {max(apart):.4f} dB: {cause}",
        )

    def _compare(self, split: SplitResult, staged: StagedSplit, number: int) -> list[float]:
        """List by how much the PSNR of each SR image differs that is another one."""
        sr_files = [self._job.folder.sr_image(number, n) for n in range(len(split.images))]
        hashed = all(image.sr_sha256 for image in split.images)
        hashes = hash_images(staged.images, sr_files) if hashed else [""] * len(sr_files)
        pairs = zip(split.images, hashes, strict=True)
        others = [n for n, (image, now) in enumerate(pairs) if image.sr_sha256 != now]
        border = self._job.request.procedure.protocol.border(staged.scale)
        images = [staged.images[n] for n in others]
        scores = score_images(images, [sr_files[n] for n in others], border, ["psnr"])
        then = [split.images[n].scores["psnr"] for n in others]
        apart = [_apart(a, b["psnr"]) for a, b in zip(then, scores, strict=True)]
        # Without hashes, another image is known by its PSNR, which is never the same by chance.
        return apart if hashed else [db for db in apart if db]


def _apart(first_db: float, second_db: float) -> float:
    """Difference of two PSNR, which are infinite for images that equal HR."""
    return 0.0 if first_db == second_db else abs(first_db - second_db)


def flag_other_machine(first: Machine, now: Machine) -> Iterator[Flag]:
    """Say that a process ran on another kind of machine than the first: its runtimes are others."""
    if differences := now.list_differences(first):
        facts = (f"{name} {here}, the first {there}" for name, (here, there) in differences.items())
        yield Flag(ELSEWHERE, printable_line("; ".join(facts)))


def read_timing(timing: SplitTiming) -> ProcessTiming:
    """Keep what a process has timed of a data set."""
    return ProcessTiming(
        runtime_ms=timing.runtime_ms,
        warm_ms=timing.robust.samples_ms if timing.robust else (),
        steady=steady_timing(timing.steady) if timing.steady else None,
    )


def add_flags(flags: Sequence[Flag], further: Sequence[Flag], process: int) -> tuple[Flag, ...]:
    """Add the flags of a further process whose names no process before has raised."""
    known = {flag.name for flag in flags}
    new = {flag.name: flag for flag in further if flag.name not in known}
    return (
        *flags,
        *(Flag(name, f"process {process}: {flag.detail}") for name, flag in new.items()),
    )
