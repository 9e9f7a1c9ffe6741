"""The parent's end of a child's channel (`esr.measure.channel`): whole lines in, bytes out."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

from esr.base import json_file
from esr.base.errors import UserError
from esr.measure.job import SubmissionFailed

_LINE_BYTES = 8 * 2**20
"""Of a measurement without its repeats, at most."""
_SAMPLE_BYTES = 32
"""Of one runtime with every digit."""
_CHUNK_BYTES = 2**16


class ChildChannel:
    """Hears what a child says, without ever waiting for it.

    Args:
        connection: to the child.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._heard = bytearray()
        self._line_bytes_at_most = _LINE_BYTES
        self.is_open = True

    def expect(self, samples: int) -> None:
        """Leave room in a line for so many runtimes."""
        self._line_bytes_at_most = _LINE_BYTES + _SAMPLE_BYTES * samples

    def fileno(self) -> int:
        """For `select`."""
        return self._connection.fileno()

    def say(self, answer: bytes) -> None:
        """Answer, if anybody still listens."""
        # Whoever does not read what it has asked for does not go on.
        with contextlib.suppress(OSError):
            self._connection.send(answer)

    def said(self) -> Iterator[tuple[str, Any]]:
        """Take what has been said since the last time.

        Yields:
            (word, value), as the child says them; nothing is true of them yet.

        Raises:
            SubmissionFailed: they are no such thing.
        """
        while self.is_open and (chunk := self._receive()):
            self._heard += chunk
            if b"\n" in chunk:
                *lines, self._heard = self._heard.split(b"\n")
                yield from map(_read, lines)
            if len(self._heard) > self._line_bytes_at_most:
                raise SubmissionFailed("invalid", "the worker's answer has no end")

    def _receive(self) -> bytes:
        try:
            chunk = self._connection.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            chunk = b""
        self.is_open = bool(chunk)
        return chunk

    def close(self) -> None:
        """Hear no more."""
        self._connection.close()
        self.is_open = False


def _read(line: bytearray) -> tuple[str, Any]:
    try:
        return json_file.parse(tuple[str, Any], bytes(line))
    except UserError as error:
        raise SubmissionFailed("invalid", f"the worker's answer {error.what}") from error
