"""One submission from its files to its record, in the phases of `esr.evaluate.pipeline`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from esr.base import json_file
from esr.base.console import phase_bar
from esr.base.errors import printable_line
from esr.base.house import ROOT
from esr.base.scratch import scratch_roots
from esr.challenge.fixed_input import plan
from esr.datasets.checking.judge_lr import judge_lr
from esr.datasets.lr_verdict import LrVerdict
from esr.datasets.staging import StagedSplit
from esr.evaluate import provenance
from esr.evaluate.build_environment import Installer
from esr.evaluate.device_use import DEVICE_LOG, noted_use
from esr.evaluate.dialogue.further_images import FurtherImage, FurtherResult, choose_further
from esr.evaluate.finish_record import finish_record
from esr.evaluate.folder_answer import await_folders
from esr.evaluate.options import Options
from esr.evaluate.scoring import Scores, score_submission
from esr.evaluate.shown_phases import ShownPhases
from esr.evaluate.staged_data import Staged
from esr.evaluate.submission_environment import find_environment, installer_log, make_environment
from esr.evaluate.worker_result import await_measurement
from esr.evaluate.write_job import (
    StartedJob,
    as_told,
    job_folder,
    job_split,
    make_call_folders,
    make_deployed_folders,
)
from esr.measure.job import Job, SubmissionFailed
from esr.records.conditions import Request
from esr.records.measurement import Measurement
from esr.records.record import Failure, Outcome, Record
from esr.sandbox import isolated_process
from esr.sandbox.own_files import refuse_foreign_files
from esr.sandbox.policy import Policy
from esr.submissions.environments.environment_lock import EnvironmentLock
from esr.submissions.foreseen_problems import INSTALL_HINT
from esr.submissions.submission import (
    Broken,
    CloneSubmission,
    Entry,
    Measurable,
    Submission,
    is_folder_call,
)


@dataclass(frozen=True)
class RunSetting:
    """What is the same for every submission of a run."""

    options: Options
    staged: Staged
    job_dir: Path
    """Holds the folders of the jobs, one a submission."""
    also_hidden: tuple[Path, ...] = ()
    """Where somebody else's results are, who this is measured for."""
    _lr_verdicts: dict[tuple[int, str], LrVerdict] = field(default_factory=dict)

    @cached_property
    def request(self) -> Request:
        """What the run asks of every submission."""
        options = self.options
        return provenance.describe_request(
            options.procedure,
            options.output.files,
            interleave=options.selection.interleave,
            cores=options.engine.cores,
            sandbox=options.confinement.sandbox,
        )

    @cached_property
    def policy(self) -> Policy:
        """What a submission may use, and what it must not see."""
        options = self.options
        places = (
            options.data.data_dir,
            options.output.save_dir,
            *self.staged.hr_folders,
            *self.also_hidden,
        )
        return options.confinement.policy((*places, *scratch_roots()))

    def judge_lr(self, split: StagedSplit) -> LrVerdict | None:
        """Say what LR of a data set is, once a run; None where it is no bicubic by the rules."""
        protocol = self.options.protocol
        if protocol.fixed_input is not None or protocol.noise is not None:
            return None
        place = split.scale, split.role
        if place not in self._lr_verdicts:
            self._lr_verdicts[place] = judge_lr(split)
        return self._lr_verdicts[place]

    @property
    def installer(self) -> Installer:
        """What makes environments for submissions."""
        return Installer.of(self.options.confinement, self.policy.hidden)


class SubmissionRun:
    """One submission on its way to its record.

    Args:
        entry: what is measured; one that is broken fails when it is started.
        setting: of the run.
    """

    process = 1
    """Number among those that measure the same."""
    _program: isolated_process.WaitingProgram
    _job: StartedJob
    _measurement: Measurement
    _further: list[FurtherResult]
    _scores: Scores

    def __init__(self, entry: Entry, setting: RunSetting) -> None:
        self._entry, self._setting = entry, setting
        self._folder, self._process = ExitStack(), ExitStack()

    def start(self) -> None:
        """Start its process, and write its job while that imports what it needs."""
        entry, setting = _measurable(self._entry), self._setting
        refuse_foreign_files(entry, setting.policy.hidden)
        if is_folder_call(entry) and setting.options.procedure.passes.ways:
            reason = "--deploy takes a network, and this one reads and writes images: leave it out"
            raise SubmissionFailed("discover", reason)
        splits = setting.staged.of(entry)
        folder = self._folder.enter_context(
            job_folder(entry, setting.job_dir, setting.policy.hidden)
        )
        told = as_told(entry, folder)
        lock = self._environment(entry)
        layer = setting.installer.layer(lock) if lock and lock.packages else None
        policy = replace(setting.policy, shown=(layer,) if layer else ())
        self._program = self._process.enter_context(
            isolated_process.waiting("esr.evaluate.worker", told, folder, policy)
        )
        # Not before there is a process, beside which all this costs no time.
        source = provenance.describe_files(entry, setting.options.command, ROOT)
        source = replace(source, environment=lock.packages if lock else ())
        job = replace(self._describe_job(told, splits), layer=str(layer) if layer else None)
        json_file.dump(job, folder.job)
        make_deployed_folders(folder, job)
        if is_folder_call(entry):
            make_call_folders(folder, job)
        verdicts = [setting.judge_lr(split) for split in splits]
        further = () if is_folder_call(entry) else self._choose_further(splits)
        several = setting.options.processes > 1
        given = entry, source, setting.request, splits, job, folder, verdicts, further
        self._job = StartedJob(*given, is_first_of_several=several)

    def _choose_further(self, splits: Sequence[StagedSplit]) -> tuple[FurtherImage, ...]:
        """Draw what it restores behind the images that are scored."""
        return choose_further(splits)

    def _environment(self, entry: Measurable) -> EnvironmentLock | None:
        options, installer = self._setting.options, self._setting.installer
        if options.confinement.install:
            return make_environment(entry, options.output.save_dir, installer)
        return find_environment(entry, options.output.save_dir, installer)

    def measure(self) -> None:
        """Let its process begin, wait until it has ended, and take its answer."""
        label, started = self._entry.label, self._job
        output, device = self._setting.options.output, self._setting.options.confinement.device
        with (
            self._process,
            phase_bar(label) as bar,
            noted_use(label, device, output.log_file("").with_name(DEVICE_LOG)),
        ):
            shown = ShownPhases(bar, started.job)
            shown.enter("import")
            if is_folder_call(started.entry):
                self._measurement = await_folders(self._program, started, self._log, shown)
                self._further = []
                return
            self._measurement, self._further = await_measurement(
                self._program, started, self._log, shown
            )

    def score(self) -> None:
        """Compare its SR images with HR."""
        with phase_bar(self._entry.label) as bar:
            bar.enter("scoring")
            self._scores = score_submission(self._job, self._measurement, self._further)

    def finish(self) -> Record:
        """Join what was asked, what its process said and what the scoring found; keep its files."""
        output = self._setting.options.output
        with phase_bar(self._entry.label) as bar:
            bar.enter("keeping")
            return finish_record(self._job, self._measurement, self._scores, output)

    def fail(self, failed: SubmissionFailed) -> Outcome:
        """Say how it failed, and where it is told at length."""
        entry, log = self._entry, self._log
        if failed.stage == "environment":
            log = installer_log(self._setting.options.output.save_dir, entry.label)
        printed = str(log) if failed.stage != "discover" and log.exists() else None
        hint = ""
        if "needs the package" in failed.reason and not self._setting.options.confinement.install:
            hint = f" {INSTALL_HINT}"
        reason, date = printable_line(f"{failed.reason}{hint}"), provenance.now()
        name = entry.name if isinstance(entry, CloneSubmission) and not entry.variant else None
        path = str(entry.model_file)
        model_file = path if path.isprintable() else None  # Bytes that are no text have no JSON.
        return Failure(
            entry.label,
            entry.model_id,
            failed.stage,
            reason,
            date,
            printed,
            name,
            model_file,
            self._setting.options.command,
        )

    def close(self) -> None:
        """End its process and remove its files."""
        self._process.close()
        self._folder.close()

    @property
    def _log(self) -> Path:
        return self._setting.options.output.log_file(self._entry.label, self.process)

    def _describe_job(self, submission: Measurable, splits: Sequence[StagedSplit]) -> Job:
        options, procedure = self._setting.options, self._setting.options.procedure
        return Job(
            submission,
            options.confinement.device,
            tuple(map(job_split, splits)),
            passes=procedure.passes,
            trusted=submission.model_id in options.selection.trust,
            memory_bytes=options.confinement.limits.memory_bytes,
            complexity_input=procedure.protocol.complexity_input,
            fixed_input=plan(procedure.real_time, procedure.protocol, submission.sidecar.scale),
            timeout_s=options.confinement.limits.timeout_s,
        )


def _measurable(entry: Entry) -> Measurable:
    if isinstance(entry, Broken):
        raise SubmissionFailed("discover", entry.reason)
    if isinstance(entry, Submission) and entry.checkpoint is None:
        raise SubmissionFailed("discover", entry.problem)
    return entry
