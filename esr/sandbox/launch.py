"""The worker, started under the strongest rules that were asked for or that this kernel has."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from esr.base.errors import UserError, cause
from esr.records.measurement import Isolation
from esr.sandbox import bubblewrap, landlock
from esr.sandbox.policy import Places

_FIRST_TO_DIE = "1000"
"""For the kernel, when the machine is out of memory: the submission, not the harness."""


def start(
    command: Sequence[str],
    places: Places,
    environment: dict[str, str],
    output: IO[bytes],
    *,
    sandbox: bool,
) -> tuple[subprocess.Popen[bytes], Isolation]:
    """Start a command in a session of its own, confined to its places.

    Args:
        command: program and arguments.
        places: of the submission; the private folder exists.
        environment: of the child.
        output: receives what it prints.
        sandbox: whether to use bubblewrap.

    Returns:
        (the process, what confines it)

    Raises:
        UserError: its private folder cannot be written.
    """
    try:
        for folder in (places.home, places.temporary):
            folder.mkdir()
    except OSError as error:
        raise UserError(f"cannot be written ({cause(error)})", where=places.folder) from error
    with ExitStack() as stack:
        isolation: Isolation = "process"
        restrict = None
        inherited: tuple[int, ...] = ()
        if sandbox:
            isolation = "bubblewrap"
            command, options = stack.enter_context(bubblewrap.wrapped(command, places))
            inherited = (options,)
        elif landlock.version():
            isolation, restrict = "landlock", stack.enter_context(landlock.rules(places))
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # For `esr.sandbox.inside.start_barrier`.
            bufsize=0,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=places.folder,
            env=environment,
            start_new_session=True,
            pass_fds=inherited,
            # System calls alone: a thread of ours may hold any lock at the moment of the fork.
            preexec_fn=restrict,
        )
    with suppress(OSError):
        Path(f"/proc/{child.pid}/oom_score_adj").write_text(_FIRST_TO_DIE)
    return child, isolation
