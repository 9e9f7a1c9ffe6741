"""One installer run under the rules for submissions, but with an index of packages to ask."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from esr.records.measurement import Stage
from esr.sandbox import launch, process_tree
from esr.sandbox.limit_guard import LimitGuard
from esr.sandbox.policy import Limits, Places

_SETTINGS = (
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CERT", "PIP_TRUSTED_HOST",
    "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE",
    "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS",
    "UV_INDEX_STRATEGY", "UV_HTTP_TIMEOUT", "UV_HTTP_RETRIES", "UV_INSECURE_HOST",
    "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
)  # fmt: skip
"""Where packages are found; what holds a password is left out, for a `setup.py` reads it, too."""

_CONFIGURED = ("/etc/pip.conf", "/etc/xdg/pip/pip.conf", "/etc/xdg/pip/constraints.txt")
"""The same, for all of the machine."""

_PIP_SAYS = {
    "UV_DEFAULT_INDEX": "PIP_INDEX_URL",
    "UV_INDEX": "PIP_EXTRA_INDEX_URL",
    "UV_FIND_LINKS": "PIP_FIND_LINKS",
    "SSL_CERT_FILE": "PIP_CERT",
}
"""uv reads no setting of pip's; where it is told nothing else, it finds packages where pip does."""

_TIED = (sys.executable, "-m", "esr.sandbox.inside.tied_command")
"""Ends what it runs when this process is gone, however that was ended."""


_POLL_S = 0.1


@dataclass(frozen=True)
class Stopped:
    """How a command was ended that broke a limit."""

    stage: Stage
    """`timeout` or `limit`."""
    reason: str


def run_confined(
    command: Sequence[str],
    places: Places,
    log: Path,
    limits: Limits,
    settings: Mapping[str, str],
) -> int | Stopped:
    """Run a command that may write to one folder alone, and leave nothing of it behind.

    Args:
        command: program and arguments.
        places: its own folder, and what it may and must not see.
        log: receives what it prints, behind what is there.
        limits: when one is broken, it is killed.
        settings: environment variables, beside those that say where packages are found.

    Returns:
        its exit status, or why it was killed.

    Raises:
        OSError: the log cannot be written.
    """
    places = replace(places, own=(*places.own, *_configuration()))
    process_tree.adopt_orphans()
    ours = {process.pid for process in process_tree.descendants(os.getpid())}
    settings = {**_settings(os.environ), **settings}
    with log.open("ab") as output:
        child, connection, _ = launch.start(
            [*_TIED, *command], places, output, sandbox=False, settings=settings
        )
        try:
            return _await(child, LimitGuard(child.pid, places.folder, limits, ours))
        finally:
            process_tree.end(child, ours, places.home)
            connection.close()


def _await(child: subprocess.Popen[bytes], guard: LimitGuard) -> int | Stopped:
    while (broken := guard.broken()) is None:
        with suppress(subprocess.TimeoutExpired):
            return child.wait(_POLL_S)
    return Stopped(*broken)


def _configuration() -> Iterator[Path]:
    for path in map(Path, _CONFIGURED):
        with suppress(OSError, ValueError):
            if "@" not in path.read_text(encoding="utf-8"):
                yield path


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    given = {name: environment[name] for name in _SETTINGS if name in environment}
    settings = {name: value for name, value in given.items() if "@" not in value}
    if any(name.startswith("UV_") and ("INDEX" in name or "LINKS" in name) for name in settings):
        return settings
    of_pip = {**_configured(), **settings}
    for name, its in _PIP_SAYS.items():
        if its in of_pip:
            between = "," if name == "UV_FIND_LINKS" else " "
            settings.setdefault(name, between.join(of_pip[its].split()))
    return settings


def _configured() -> dict[str, str]:
    """Read what pip's own files say, under the names of its variables."""
    found: dict[str, str] = {}
    for path in _configuration():
        parser = configparser.RawConfigParser()
        with suppress(OSError, ValueError, configparser.Error):
            parser.read_string(path.read_text(encoding="utf-8"))
            for name, value in parser.items("global"):
                found[f"PIP_{name.upper().replace('-', '_')}"] = value
    return found
