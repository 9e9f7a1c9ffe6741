"""`python -m esr.tools.check.check_worker FOLDER`: try the rules, in a process of its own."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import nn

from esr.audit.audit_passes import restored_in_other_range
from esr.base import json_file
from esr.evaluate.worker.build_network import make_bench, prepare
from esr.measure.bench import Bench
from esr.measure.channel import Channel
from esr.measure.counts import complexity
from esr.measure.job import Job, JobFolder
from esr.sandbox.inside import audit_hook, bounded_process, start_barrier
from esr.submissions.submission import Submission
from esr.tools.check.network_rules import NETWORK
from esr.tools.check.rule import CheckAnswer, answer_file, try_rule
from esr.tools.check.subject import SideEffects, Subject


def main(argv: list[str]) -> int:
    """Try the rules on the job in the folder `argv[0]`; the answer says how far it came."""
    folder = JobFolder(Path(argv[0]))
    bounded_process.limit()
    channel = Channel(start_barrier.wait())
    # What Python itself would leave beside the model file is not the submission's doing.
    sys.dont_write_bytecode = True
    job = json_file.load(Job, folder.job)
    submission = job.submission
    assert isinstance(submission, Submission), "clones are not checked"
    own = [path for path in (submission.model_file, submission.checkpoint) if path is not None]
    side_effects = SideEffects(folder.path, own)
    audit_hook.install(side_effects.judge)
    try:
        with side_effects.watching():
            built = prepare(job, channel.enter)
        bench = make_bench(built)
    except BaseException as error:  # A submission may raise anything, SystemExit included.
        return _say(folder, CheckAnswer(complete=True, failure=channel.failed(error)))
    channel.enter("restore")
    answer = _try_rules(bench, side_effects, job, folder)
    channel.enter("count")
    answer = replace(answer, trying=None)
    with contextlib.suppress(Exception):  # Then there are no figures, and their rule says so.
        counts = complexity.count(built.model, job.complexity_input)
        answer = replace(answer, counts=counts)
    answer = _in_both_ranges(bench, built.model, folder, answer)
    return _say(folder, replace(answer, complete=True))


def _try_rules(bench: Bench, side_effects: SideEffects, job: Job, folder: JobFolder) -> CheckAnswer:
    (split,) = job.splits
    images = [np.load(folder.lr_image(0, index)) for index in range(split.count)]
    subject, answer = Subject(bench, side_effects, images), CheckAnswer()
    for rule in NETWORK:
        _say(folder, replace(answer, trying=rule.name))
        answer = replace(answer, findings=(*answer.findings, try_rule(rule, subject)))
    return answer


def _in_both_ranges(
    bench: Bench, model: nn.Module, folder: JobFolder, answer: CheckAnswer
) -> CheckAnswer:
    try:
        lr = bench.load(np.load(folder.lr_image(0, 0)))
        bench.save(bench.forward(lr), lr, folder.sr_image(0, 0))
    except Exception:  # A rule has said so; what may have been written is nothing to compare.
        folder.sr_image(0, 0).unlink(missing_ok=True)
        return answer
    other = restored_in_other_range(bench, model, folder.lr_image(0, 0), folder.other_range)
    return replace(answer, other_range=other)


def _say(folder: JobFolder, answer: CheckAnswer) -> int:
    json_file.dump(answer, answer_file(folder))
    return 0


if __name__ == "__main__":
    bounded_process.end(main(sys.argv[1:]))
