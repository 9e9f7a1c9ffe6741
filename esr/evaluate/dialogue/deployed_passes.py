"""What a worker says of its network in the ways of `--deploy`, once its measurement has been told.

Each way in its turn; its steady blocks are passes by the parent's clock, whose outputs are compared
with the SR images of this way. Whatever ends the worker meanwhile costs no more than what is still
to come.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

from esr.audit.seen_by_parent import compare_clocks
from esr.base import json_file
from esr.base.errors import printable_line
from esr.evaluate.dialogue.timed_passes import TimedPass, TimedPasses, out_of_turn
from esr.measure.job import DeployedFolder, JobFailure, JobFolder, SubmissionFailed
from esr.records.bounds import check_possible
from esr.records.measurement import Flag
from esr.records.timing_samples import DeployedRuntime, SteadySamples


class DeployedPasses:
    """The ways of `--deploy`, one after the other.

    Args:
        folder: of the job.
        count: number of images of the first data set.
        ways: combinations of words that were asked for, in this order.
    """

    def __init__(self, folder: JobFolder, count: int, ways: Sequence[tuple[str, ...]]) -> None:
        self._count, self._ways = count, ways
        self._passes = [
            TimedPasses(DeployedFolder(folder.path, number), [count]) for number in range(len(ways))
        ]
        self._begun = 0
        self._told: list[DeployedRuntime] = []
        self._cut = ""

    @property
    def handlers(self) -> Mapping[str, Callable[[object, int], bytes]]:
        """What to do when the worker says a word, given its value and the time in ns."""
        current = self._passes[self._begun - 1].handlers if self._is_going_on else {}
        ours = {"deploy": self._begin, "deployed": self._believe, "failure": self._give_up}
        return {**current, **ours} if self._ways else {}

    @property
    def is_complete(self) -> bool:
        """Whether every way has been told of; so it is where none was asked for."""
        return len(self._told) == len(self._ways)

    @property
    def _is_going_on(self) -> bool:
        return self._begun > len(self._told)

    def _begin(self, value: object, _: int) -> bytes:
        number = json_file.check(int, value)
        if self._is_going_on or number != self._begun or number >= len(self._ways) or self._cut:
            raise out_of_turn("deploy")
        self._begun += 1
        return b""

    def _believe(self, value: object, _: int) -> bytes:
        if not self._is_going_on:
            raise out_of_turn("deployed")
        claim = check_possible(DeployedRuntime, value)
        passes = self._passes[self._begun - 1].complete
        if claim.words != self._ways[self._begun - 1] or (claim.steady is None) != bool(
            claim.problem
        ):
            raise SubmissionFailed("invalid", "the worker answers for another way of --deploy")
        if claim.steady is not None and not _is_told(claim.steady, passes, self._count):
            raise SubmissionFailed("invalid", "its answer holds other runtimes than it told")
        self._told.append(claim)
        return b""

    def _give_up(self, value: object, _: int) -> bytes:
        self.cut(json_file.check(JobFailure, value).reason)
        return b""

    def cut(self, reason: str) -> None:
        """Take note of what ended the worker: its first word on this is the last."""
        self._cut = self._cut or printable_line(reason)

    def results(self) -> tuple[DeployedRuntime, ...]:
        """List every way that was asked for, with the reason where it could not be done."""
        told = [_printable(claim) for claim in self._told]
        missing = self._ways[len(told) :]
        return (*told, *(DeployedRuntime(words, problem=self._explain(n))
                         for n, words in enumerate(missing)))  # fmt: skip

    def _explain(self, number: int) -> str:
        reason = self._cut or "the worker ended without a word"
        return reason if number == 0 else f"not tried, since before: {reason}"

    def flags(self) -> Iterator[Flag]:
        """Flag what is claimed and was seen otherwise."""
        for claim, passes in zip(self._told, self._passes, strict=False):
            if claim.steady is not None:
                name = "+".join(claim.words) or "eager"
                seen = [timed.seen for timed in passes.complete]
                yield from compare_clocks(seen, f"deployment {name}")


def _is_told(steady: SteadySamples, passes: Sequence[TimedPass], count: int) -> bool:
    """Whether samples are those of the passes, the last ones of each block."""
    whole = sorted(chain.from_iterable(steady.blocks)) == [*range(count)] and all(steady.blocks)
    matched = len(steady.blocks) == len(steady.samples_ms)
    lengths = {len(samples) for samples in steady.samples_ms}
    if not whole or not matched or len(lengths) != 1 or 0 in lengths:
        return False
    told: dict[tuple[int, ...], list[float]] = defaultdict(list)
    for timed in passes:
        told[timed.images].append(timed.claimed_ms)
    return all(
        told[block][-len(samples) :] == list(samples)
        for block, samples in zip(steady.blocks, steady.samples_ms, strict=True)
    )


def _printable(claim: DeployedRuntime) -> DeployedRuntime:
    if claim.problem is None:
        return claim
    return DeployedRuntime(claim.words, problem=printable_line(claim.problem))
