"""How far a worker says that it has come, in which order it may say so, and how it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast, get_args

from esr.base import json_file
from esr.base.errors import UserError
from esr.evaluate.dialogue.timed_passes import out_of_turn
from esr.measure.job import JobFailure, SubmissionFailed
from esr.records.bounds import check_possible
from esr.records.measurement import Measurement, Stage

_STAGES_AT_MOST = 200
"""Until the first image: a clone may build and load more than one network."""

Handler = Callable[[object, int], bytes]
"""What to do when a worker says a word: (its value, the time in ns) -> what to answer."""


class WorkerProgress:
    """The stages of a worker, and at last its measurement, or why there is none.

    Args:
        entered: called with each stage that begins.
    """

    def __init__(self, entered: Callable[[Stage], None]) -> None:
        self._entered = entered
        self._begun = 0
        self.stage: Stage | None = None
        self.answer: Measurement | JobFailure | None = None

    def handlers(self, *, has_all: bool) -> Mapping[str, Handler]:
        """What to do when the worker says a word of these.

        Args:
            has_all: whether all that it restores is back.
        """
        return {
            "stage": lambda value, _: self._enter(value, has_all=has_all),
            "measurement": self._believe,
            "failure": self._give_up,
        }

    def _enter(self, value: object, *, has_all: bool) -> bytes:
        stage = read_stage(value)
        self._begun += 1
        if self.stage in ("restore", "count"):
            in_turn = (self.stage, stage) == ("restore", "count") and has_all
        else:
            in_turn = stage in ("import", "build", "load", "restore")
        if not in_turn or self._begun > _STAGES_AT_MOST:
            raise out_of_turn(f"stage {stage}")
        self.stage = stage
        self._entered(stage)
        return b""

    def _believe(self, value: object, _: int) -> bytes:
        if self.stage != "count":
            raise out_of_turn("measurement")
        self.answer = check_possible(Measurement, value)
        return b""

    def _give_up(self, value: object, _: int) -> bytes:
        self.answer = json_file.check(JobFailure, value)
        return b""


class StageListener:
    """Hears of a program that is not timed how far it has come."""

    stage: Stage | None = None

    def hear(self, word: str, value: object) -> bytes:
        """Take the stage.

        Raises:
            SubmissionFailed: it is none.
        """
        if word != "stage":
            raise out_of_turn(word)
        self.stage = read_stage(value)
        return b""

    def excuse(self, _: SubmissionFailed) -> bool:
        """Nothing it says is worth keeping without the rest."""
        return False


def hear_word(handlers: Mapping[str, Handler], word: str, value: object, now_ns: int) -> bytes:
    """Take what a worker says next.

    Args:
        handlers: of the words whose turn it is.
        word: what it says.
        value: what goes with it.
        now_ns: when it was said, by the parent's clock.

    Returns:
        what to answer; empty for nothing.

    Raises:
        SubmissionFailed: it is out of turn, or no such thing.
    """
    handler = handlers.get(word)
    if handler is None:
        raise out_of_turn(word)
    try:
        return handler(value, now_ns)
    except UserError as error:
        raise SubmissionFailed("invalid", f"the worker's answer {error.what}") from error


def read_stage(value: object) -> Stage:
    """Take what a program says as a stage.

    Raises:
        SubmissionFailed: it is none.
    """
    if value not in get_args(Stage):
        raise out_of_turn(f"stage {value}")
    return cast("Stage", value)
