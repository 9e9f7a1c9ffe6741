"""A submission that reads a folder of images and writes one: called as a whole, timed as a whole.

Official definition (`test.py` of zhengchen1999/NTIRE2025_ImageSR_x4 and later): one pair of CUDA
events around the whole call, loading of the weights, reading and writing included, in milliseconds.
There is no network to count or to look into: what is not known of it stays unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from esr.audit.audit_rules import TamperWatch
from esr.base.own_memory import peak_rss_mib
from esr.evaluate.worker.build_network import choose_device
from esr.measure.channel import Channel
from esr.measure.device import backend, describe_machine
from esr.measure.job import Job, JobFolder
from esr.measure.nvml import GpuWatch, around
from esr.records.measurement import Measurement
from esr.records.network_counts import Counts
from esr.records.timing_samples import SplitTiming
from esr.sandbox.inside.audit_events import AuditFlags
from esr.submissions.clone_session.session import Session
from esr.submissions.submission import FolderCall

NOT_COUNTED = "it reads and writes images, so that there is no network to count"


def restore_folders(
    job: Job,
    call: FolderCall,
    folder: JobFolder,
    channel: Channel,
    session: Session,
    audit_flags: AuditFlags,
) -> None:
    """Let a submission restore the folder of every data set, and tell what was seen of it."""
    before, device = TamperWatch(), choose_device(job)
    caller = _Caller(session.folder_function(call), call.model_dir, device, folder, channel)
    before.look()
    channel.enter("restore")
    splits = tuple(caller.restore(number, job) for number in range(len(job.splits)))
    before.look()
    channel.enter("count")
    measurement = Measurement(
        counts=Counts(
            input_size=job.complexity_input,
            params=None,
            flops_official=None,
            flops_fvcore=None,
            flops_thop=None,
            activations=None,
            num_conv=None,
            notes=(NOT_COUNTED,),
        ),
        clock=backend(device).stopwatch().clock,
        splits=splits,
        output_dtype="files",
        peak_rss_mib=peak_rss_mib(),
        machine=describe_machine(device),
        flags=(*before.flags(), *audit_flags.flags()),
        fork=session.facts(),
    )
    channel.say("measurement", measurement)


@dataclass(frozen=True)
class _Caller:
    """The function of a submission, and what it is given."""

    function: Any
    model_dir: str
    device: torch.device
    folder: JobFolder
    channel: Channel

    def restore(self, number: int, job: Job) -> SplitTiming:
        """Call it for a data set, whose images share the runtime of the whole call."""
        measured, split = backend(self.device), job.splits[number]
        watch, memory, gpu = (
            measured.stopwatch(),
            measured.memory(self.device),
            GpuWatch(self.device),
        )
        memory.restart()
        before = gpu.state()
        self.channel.take_folder(number)
        _, lap = watch.time(lambda: self._call(number))
        self.channel.return_folder(lap.ms)
        return SplitTiming(
            role=split.role,
            runtime_ms=(lap.ms / split.count,) * split.count,
            memory_mib=memory.official_mib(),
            split_memory_mib=memory.split_mib(),
            reserved_mib=memory.reserved_mib(),
            gpu=around(before, gpu.state()),
        )

    def _call(self, number: int) -> object:
        return self.function(
            model_dir=self.model_dir,
            input_path=str(self.folder.given(number)),
            output_path=str(self.folder.returned(number)),
            device=torch.device(self.device.type),
        )
