"""What is the same for every submission of a run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from esr.evaluate import provenance
from esr.evaluate.options import Options
from esr.evaluate.staged_data import Staged
from esr.records.conditions import Request
from esr.sandbox.policy import Policy


@dataclass(frozen=True)
class RunSetting:
    """What is the same for every submission of a run."""

    options: Options
    staged: Staged
    job_dir: Path
    """Holds the folders of the jobs, one a submission."""

    @cached_property
    def request(self) -> Request:
        """What the run asks of every submission."""
        options = self.options
        return provenance.describe_request(
            options.procedure,
            options.output.files,
            interleave=options.selection.interleave,
            sandbox=options.confinement.sandbox,
        )

    @cached_property
    def policy(self) -> Policy:
        """What a submission may use, and what it must not see."""
        options = self.options
        places = (options.data.data_dir, options.output.save_dir, *self.staged.hr_folders)
        return options.confinement.policy(places)
