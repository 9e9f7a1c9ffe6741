"""A file that a stranger may have made, or may put another in the place of while it is read.

It is opened first and looked at afterwards: what is judged is what is read. A link is not followed,
and a pipe that nobody writes to keeps nobody waiting.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from esr.base.errors import UserError, cause


@contextmanager
def ordinary_file(path: Path) -> Iterator[tuple[int, int]]:
    """Open an ordinary file: no link, no pipe, no device.

    Yields:
        (descriptor, size in bytes)

    Raises:
        UserError: it is anything else, or cannot be read, meanwhile or at once.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise UserError("is no ordinary file", where=path)
        yield file, status.st_size
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(file)


def read_foreign(path: Path, at_most: int) -> bytes:
    """Read an ordinary file of at most so many bytes.

    Raises:
        UserError: as `ordinary_file`, or it is larger.
    """
    with ordinary_file(path) as (file, size), os.fdopen(os.dup(file), "rb") as reader:
        if size > at_most:
            raise UserError("is no ordinary file of sensible size", where=path)
        return reader.read(size)  # It may grow meanwhile.


def refuse_to_write(path: Path) -> None:
    """Make sure that a file is ordinary, or is not there yet: a pipe would wait for a reader.

    Raises:
        UserError: it is anything else.
    """
    try:
        mode = path.stat().st_mode
    except OSError:  # Whoever writes it will say why that cannot be.
        return
    if not stat.S_ISREG(mode) and not stat.S_ISCHR(mode):
        raise UserError("is no ordinary file", where=path, remedy="remove it")


def _unreadable(path: Path, error: OSError) -> UserError:
    if error.errno in (errno.ELOOP, errno.ENXIO):  # A link, a socket.
        return UserError("is no ordinary file", where=path)
    return UserError(f"cannot be read ({cause(error)})", where=path)
