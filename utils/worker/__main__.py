"""`python -m utils.worker FOLDER`: the job in, its measurement or why there is none out."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from utils import jsonfile
from utils.job import Job, JobFolder
from utils.sandbox import gate, process
from utils.sandbox.allocation import limit_memory
from utils.worker.measuring import measure
from utils.worker.stage import StageMark


def main(argv: list[str]) -> int:
    """Measure the job in the folder `argv[0]`."""
    folder = JobFolder(Path(argv[0]))
    process.limit()
    gate.wait()
    stage = StageMark(folder)
    try:
        job = jsonfile.load(Job, folder.job)
        if job.memory_bytes is not None and (job.device == "cpu" or not torch.cuda.is_available()):
            limit_memory(job.memory_bytes)
        measurement = measure(job, folder, stage)
    except BaseException as error:  # A submission may raise anything, SystemExit included.
        jsonfile.dump(stage.failed(error), folder.failure)
        return 1
    jsonfile.dump(measurement, folder.measurement)
    return 0


if __name__ == "__main__":
    process.end(main(sys.argv[1:]))
