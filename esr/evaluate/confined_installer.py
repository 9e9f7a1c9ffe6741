"""One installer run under the rules for submissions, but with an index of packages to ask."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from esr.sandbox import launch, process_tree
from esr.sandbox.policy import places_of_house

_SETTINGS = (
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CERT", "PIP_TRUSTED_HOST",
    "PIP_DEFAULT_TIMEOUT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE",
    "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
)  # fmt: skip
"""Where packages are found; what holds a password is left out, for a `setup.py` reads it, too."""


_CONFIGURED = ("/etc/pip.conf", "/etc/xdg/pip/pip.conf", "/etc/xdg/pip/constraints.txt")
"""The same, for all of the machine."""


def install(
    command: Sequence[str],
    folder: Path,
    shown: Sequence[Path],
    hidden: Sequence[Path],
    log: Path,
    timeout_s: float,
) -> int | None:
    """Run a command that may write to one folder alone, and leave nothing of it behind.

    Args:
        command: program and arguments.
        folder: its own.
        shown: what it may read beside the system and Python.
        hidden: what it must not see.
        log: receives what it prints.
        timeout_s: after which it is killed.

    Returns:
        its exit status; None if it was killed for its time.

    Raises:
        OSError: the log cannot be written.
    """
    places = places_of_house(folder, (*shown, *_configuration()), hidden)
    process_tree.adopt_orphans()
    ours = {process.pid for process in process_tree.descendants(os.getpid())}
    settings = [f"{name}={value}" for name, value in _settings(os.environ).items()]
    with log.open("wb") as output:
        child, connection, _ = launch.start(
            ["/usr/bin/env", *settings, *command], places, output, sandbox=False
        )
        connection.close()
        try:
            return child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            process_tree.end(child, ours, places.home)


def _configuration() -> Iterator[Path]:
    for path in map(Path, _CONFIGURED):
        with suppress(OSError, ValueError):
            if "@" not in path.read_text(encoding="utf-8"):
                yield path


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    given = {name: environment[name] for name in _SETTINGS if name in environment}
    return {name: value for name, value in given.items() if "@" not in value}
