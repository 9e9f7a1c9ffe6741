"""The worker, started under the strongest rules that were asked for or that this kernel has."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO

from esr.base.errors import UserError, cause
from esr.base.house import import_path
from esr.records.measurement import Isolation
from esr.sandbox import bubblewrap, landlock, seccomp
from esr.sandbox.policy import Places

_FIRST_TO_DIE = "1000"
"""For the kernel, when the machine is out of memory: the submission, not the harness."""


def start(
    command: Sequence[str],
    places: Places,
    output: IO[bytes],
    *,
    sandbox: bool,
    settings: Mapping[str, str] | None = None,
) -> tuple[subprocess.Popen[bytes], socket.socket, Isolation]:
    """Start a command in a session of its own, confined to its places.

    Args:
        command: program and arguments.
        places: of the submission; the private folder exists.
        output: receives what it prints.
        sandbox: whether to use bubblewrap.
        settings: variables it gets beside those of this environment that it may know.

    Returns:
        (the process, the socket that is its standard input, what confines it)

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
            command, inherited = stack.enter_context(bubblewrap.wrapped(command, places))
        else:
            restrict = stack.enter_context(_restricted(places))
            isolation = "landlock" if landlock.version() else "process"
        ours, theirs = socket.socketpair()
        stack.enter_context(theirs)
        failed = stack.enter_context(ExitStack())
        failed.callback(ours.close)
        child = subprocess.Popen(
            command,
            stdin=theirs.fileno(),  # For `esr.sandbox.inside.start_barrier`.
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=places.folder,
            env={**(settings or {}), **scrub_environment(os.environ, places)},
            start_new_session=True,
            pass_fds=inherited,
            # System calls alone: a thread of ours may hold any lock at the moment of the fork.
            preexec_fn=restrict,
        )
        failed.pop_all()
    with suppress(OSError):
        Path(f"/proc/{child.pid}/oom_score_adj").write_text(_FIRST_TO_DIE)
    return child, ours, isolation


@contextmanager
def _restricted(places: Places) -> Iterator[Callable[[], None]]:
    """Make what restricts a process to its places, as far as this kernel can.

    It is for use between fork and exec: only system calls are left to do there.
    """
    calls = seccomp.Filter()
    with landlock.rules(places) if landlock.version() else nullcontext() as closed:

        def restrict() -> None:
            if closed is not None:
                closed()
            calls.put_on()

        yield restrict


_ALLOWED = re.compile(
    r"PATH|LANG|LANGUAGE|LC_\w+|TZ|LD_LIBRARY_PATH|GLIBC_TUNABLES|MALLOC_\w+"
    r"|(OMP|GOMP|KMP|MKL|OPENBLAS|NUMEXPR)_\w+"
    r"|(CUDA|CUBLAS|CUDNN|NVIDIA|PYTORCH|HIP|HSA|ROCR)_\w+"
)
_SECRET = re.compile(r"TOKEN|SECRET|PASS|CREDENTIAL|AUTH|KEY", re.IGNORECASE)
"""`NVIDIA_API_KEY` begins like a setting."""


def scrub_environment(environment: Mapping[str, str], places: Places) -> dict[str, str]:
    """Choose what a child may know of the environment, and give it a home of its own.

    Args:
        environment: of this process.
        places: of the submission.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if _ALLOWED.fullmatch(name) and not _SECRET.search(name)
    }
    return kept | {
        "HOME": str(places.home),
        "TMPDIR": str(places.temporary),
        "PYTHONPATH": import_path(environment),
        # Unbuffered, so that the log of a child that is killed holds all it printed.
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
        # A submission's files stay untouched.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
