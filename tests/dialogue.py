"""The parent's half of the dialogue, without a process in between."""

from __future__ import annotations

from esr.evaluate.dialogue.timed_passes import TimedPasses
from esr.measure.channel import TAKE, Channel


class Comparing(Channel):
    """A parent that lets every pass begin and compares what it is shown."""

    def __init__(self, passes: TimedPasses) -> None:
        self.passes = passes

    def say(self, word: str, value: object = None) -> None:
        self.answer = self.passes.handlers[word](value, 0)

    def _hear(self) -> bytes:
        return self.answer.removesuffix(TAKE)
