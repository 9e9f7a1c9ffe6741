"""What a child tells its parent while a submission runs: lines of JSON over one socket.

The socket is the child's standard input until it begins, so it is open before any line of a
submission is read. The parent hands out LR images one at a time, and its own clock runs from there
to the SR image: what a child claims of its time has to fit between.

    child                                       parent
    "stage"        a `Stage`
    "image"        [data set, image]            `TAKE`: its LR image is in the folder now
    "restored"     its runtime in ms
    "saved"        null
    "further"      null                         a `FurtherTurn`, whose LR image is in the
                                                folder now, or null for no more; and `TAKE`
    "counted"      a `CountedPass`              (after "restored")
    "skipped"      why it cannot be restored    (in place of what would have followed)
    "pass"         [data set, images]           `TAKE`: the parent's clock runs
    "passed"       their runtime in ms          number of the output to show, and `TAKE`
    "shown"        null
    "measurement"  a `Measurement`; or
    "failure"      a `JobFailure`
    in place of all images, where a submission reads a folder and writes one:
    "folder"       number of the data set       `TAKE`: its LR images are there now
    "returned"     runtime of the call in ms    `TAKE`: what it wrote has been taken note of
    after a measurement, for every way of `--deploy`:
    "deploy"       its number
    "pass", "passed", "shown" as above
    "deployed"     a `DeployedRuntime`

Anything out of turn ends the submission.
"""

from __future__ import annotations

import contextlib
import json
import socket
import traceback
from collections.abc import Sequence
from typing import Literal

from esr.base import json_file
from esr.measure.job import FurtherTurn, JobFailure, describe_error
from esr.records.measurement import Stage

Word = Literal[
    "stage",
    "image",
    "restored",
    "saved",
    "further",
    "counted",
    "skipped",
    "pass",
    "passed",
    "shown",
    "measurement",
    "failure",
    "deploy",
    "deployed",
    "folder",
    "returned",
]

_WHOLE = ("restore", "count")
"""Stages in which the network is there."""
TAKE = b"\n"
"""Ends each answer of the parent's."""


class Channel:
    """The child's end.

    Args:
        connection: to the parent.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.stage: Stage = "import"
        self._has_said = False

    def say(self, word: Word, value: object = None) -> None:
        """Tell the parent something."""
        self._connection.sendall(json_file.to_line([word, value]))

    def enter(self, stage: Stage) -> None:
        """Say that a stage begins."""
        if self.stage in _WHOLE and stage not in _WHOLE:
            return  # It loads or builds something more while it restores.
        if stage != self.stage or not self._has_said:
            self._has_said = True
            self.stage = stage
            self.say("stage", stage)

    def take_image(self, split: int, index: int) -> None:
        """Wait until the parent has put an LR image into the folder.

        Raises:
            ConnectionError: the parent has gone.
        """
        self.say("image", [split, index])
        self._hear()

    def take_folder(self, split: int) -> None:
        """Wait until the parent has put all LR images of a data set into the folder.

        Raises:
            ConnectionError: the parent has gone.
        """
        self.say("folder", split)
        self._hear()

    def return_folder(self, ms: float) -> None:
        """Say how long the call took, and wait until the parent has seen what it wrote.

        Raises:
            ConnectionError: the parent has gone.
        """
        self.say("returned", ms)
        self._hear()

    def take_further(self) -> FurtherTurn | None:
        """Ask for one more LR image, and wait until it is there.

        Returns:
            None if there is no more.

        Raises:
            ConnectionError: the parent has gone.
        """
        self.say("further")
        heard = json.loads(self._hear())
        return None if heard is None else json_file.check(FurtherTurn, heard)

    def begin_pass(self, split: int, images: Sequence[int]) -> None:
        """Announce a timed pass over images that are on the device, and wait for the word to go.

        Raises:
            ConnectionError: the parent has gone.
        """
        self.say("pass", [split, list(images)])
        self._hear()

    def end_pass(self, ms: float) -> int:
        """Say how long the pass took.

        Returns:
            the number, within the pass, of the output that is to be shown: nobody knew it before.

        Raises:
            ConnectionError: the parent has gone.
        """
        self.say("passed", ms)
        return int(self._hear())

    def _hear(self) -> bytes:
        heard = b""
        while not heard.endswith(TAKE):
            byte = self._connection.recv(1)
            if not byte:
                raise ConnectionError("the harness answers no more")
            heard += byte
        return heard.removesuffix(TAKE)

    def failed(self, error: BaseException) -> JobFailure:
        """Say what ended this stage; the log keeps the traceback."""
        with contextlib.suppress(Exception):  # It may have filled the log.
            traceback.print_exception(error)
        return JobFailure(self.stage, describe_error(error))
