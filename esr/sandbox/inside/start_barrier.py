"""A child that has imported what it needs waits here until the machine is its own.

So Python and PyTorch are read from the disk while the parent still scores the submission before.
"""

from __future__ import annotations

import contextlib
import os
import subprocess

_GO = b"\n"


def wait() -> None:
    """In the child: wait to be let through, with nothing left on standard input afterwards.

    A child whose parent has gone ends here.
    """
    if os.read(0, 1) != _GO:
        os._exit(1)


def let_through(child: subprocess.Popen[bytes]) -> None:
    """In the parent: let a child through that was started with a pipe as standard input."""
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # It has ended already; how, is seen elsewhere.
        os.write(child.stdin.fileno(), _GO)
    child.stdin.close()
