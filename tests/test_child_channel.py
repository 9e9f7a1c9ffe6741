"""How long a line of a child may be: as long as what the run asked of it, and no longer."""

from __future__ import annotations

import contextlib
import json
import socket
import threading

import pytest

from esr.measure.job import SubmissionFailed
from esr.sandbox.child_channel import ChildChannel


def _hear(line: bytes, samples: int) -> list[tuple[str, object]]:
    ours, theirs = socket.socketpair()
    channel = ChildChannel(ours)
    channel.expect(samples)

    def tell() -> None:
        with contextlib.suppress(OSError):
            theirs.sendall(line)
        theirs.close()

    teller = threading.Thread(target=tell)
    teller.start()
    try:
        said = []
        while channel.is_open:
            said += channel.said()
        return said
    finally:
        channel.close()
        teller.join()


def test_a_thousand_repeats_of_a_thousand_images_are_one_line() -> None:
    repeats = [12.345678901234567] * 10**6
    line = json.dumps(["measurement", repeats]).encode() + b"\n"
    assert len(line) > 2 * 8 * 2**20
    assert _hear(line, len(repeats)) == [("measurement", repeats)]


def test_what_was_not_asked_for_ends_it() -> None:
    with pytest.raises(SubmissionFailed, match="has no end"):
        _hear(b"x" * 3 * 8 * 2**20, samples=100)
