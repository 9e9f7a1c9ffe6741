"""The stages of a worker, which begin and end in one order."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast, get_args

from esr.evaluate.dialogue.timed_passes import out_of_turn
from esr.records.measurement import Stage

_STAGES_AT_MOST = 200
"""Until the first image: a clone may build and load more than one network."""


class StageOrder:
    """How far a worker says that it has come.

    Args:
        entered: called with each stage that begins.
    """

    def __init__(self, entered: Callable[[Stage], None]) -> None:
        self._entered = entered
        self._begun = 0
        self.stage: Stage | None = None

    def enter(self, value: object, *, has_all: bool) -> None:
        """Take what it says next as a stage.

        Args:
            value: what it says.
            has_all: whether all that it restores is back.

        Raises:
            SubmissionFailed: it is none, or out of turn.
        """
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


def read_stage(value: object) -> Stage:
    """Take what a program says as a stage.

    Raises:
        SubmissionFailed: it is none.
    """
    if value not in get_args(Stage):
        raise out_of_turn(f"stage {value}")
    return cast("Stage", value)
