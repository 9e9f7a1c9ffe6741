"""`python -m esr.evaluate.worker FOLDER`: the job in, its measurement or why there is none out."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from esr.base import json_file
from esr.evaluate.worker.measure_submission import measure
from esr.measure.channel import Channel
from esr.measure.counts.complexity import import_counters
from esr.measure.job import Job, JobFolder
from esr.sandbox.inside import bounded_process, start_barrier


def main(argv: list[str]) -> int:
    """Measure the job in the folder `argv[0]`."""
    folder = JobFolder(Path(argv[0]))
    bounded_process.limit()
    import_counters()
    channel = Channel(start_barrier.wait())
    try:
        job = json_file.load(Job, folder.job)
        if job.memory_bytes is not None and (job.device == "cpu" or not torch.cuda.is_available()):
            bounded_process.limit_memory(job.memory_bytes)
        measure(job, folder, channel)
    except BaseException as error:  # A submission may raise anything, SystemExit included.
        channel.say("failure", channel.failed(error))
        return 1
    return 0


if __name__ == "__main__":
    bounded_process.end(main(sys.argv[1:]))
