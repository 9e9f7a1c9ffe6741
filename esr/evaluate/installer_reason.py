"""Why an environment cannot be made, in one line that says what to do about it.

pip and uv say the same in many words, and in other ones from version to version. So what hinders
them is known by signs, the most certain first, and their own words stand behind its name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from esr.base.errors import LINE_AT_MOST, UserError, cause

_WORDS_AT_LEAST = 40
_STATE = "`requirements` in its sidecar or python -m esr env prepare --with"


@dataclass(frozen=True)
class Hindrance:
    """What keeps an installer from its work."""

    name: str
    remedy: str
    signs: tuple[str, ...] = ()
    """Each tells it, wherever it is printed."""


FULL_DISK = Hindrance(
    "the disk is full",
    "make room in {shelf}, or lead XDG_CACHE_HOME to another disk",
    ("No space left on device", "Disk quota exceeded", "os error 28", "os error 122"),
)
CONFLICT = Hindrance(
    "versions exclude one another",
    f"state another one by {_STATE}",
    ("The conflict is caused by:", "have conflicting dependencies"),
)
NO_NETWORK = Hindrance(
    "no network",
    "connect this machine, or name a folder of wheels: --wheels DIR",
    (
        *("Failed to establish", "NewConnectionError", "NameResolutionError", "ProxyError"),
        *("ConnectTimeoutError", "ReadTimeoutError", "Read timed out", "RemoteDisconnected"),
        *("Connection refused", "Connection reset", "Connection aborted", "Network is unreachable"),
        *("CERTIFICATE_VERIFY_FAILED", "Temporary failure in name resolution"),
        *("dns error", "tcp connect error", "operation timed out", "network was disabled"),
    ),
)
FAILED_BUILD = Hindrance(
    "it cannot be built",
    "the log says why; a wheel of it in --wheels DIR needs no build",
    ("metadata-generation-failed", "subprocess-exited-with-error", "Failed to build"),
)
ABSENT = Hindrance(
    "no such package or version",
    f"state another one by {_STATE}, or put a wheel of it into --wheels DIR",
    (
        *("No matching distribution found", "Could not find a version", "was not found in"),
        *("there are no versions of", "there is no version of"),
    ),
)
NO_TIME = Hindrance(
    "not made in time", "--install_timeout allows more, a wheel in --wheels DIR needs no build"
)
TOO_MUCH = Hindrance("a limit is broken", "--memory_limit and --disk_limit allow more")
UNWRITABLE = Hindrance(
    "cannot be written", "make {shelf} writable, or lead XDG_CACHE_HOME to another folder"
)
UNKNOWN = Hindrance("not made", "the log says more")
_NO_SOLUTION = replace(CONFLICT, signs=("No solution found",))
"""uv begins so whatever is wrong with what was asked for; what is absent it calls so behind it."""
_BY_SIGNS = (FULL_DISK, CONFLICT, NO_NETWORK, FAILED_BUILD, ABSENT, _NO_SOLUTION)
_TRIED_AGAIN = re.compile(r"^.*Retry\(total=[1-9].*$", re.MULTILINE)
"""pip has tries left, and the next one may have succeeded."""


def find_hindrance(printed: str) -> Hindrance:
    """Tell what hindered a tool from what it has printed."""
    final = _TRIED_AGAIN.sub("", printed)
    known = (each for each in _BY_SIGNS if any(sign in final for sign in each.signs))
    return next(known, UNKNOWN)


def find_obstacle(error: OSError | UserError) -> Hindrance:
    """Tell what hinders from how the system refused."""
    known = find_hindrance(error.what if isinstance(error, UserError) else cause(error))
    return UNWRITABLE if known is UNKNOWN else known


def give_reason(hindrance: Hindrance, said: str, shelf: Path) -> str:
    """Say in one line what hindered, in whose words, and what to do.

    Args:
        hindrance: what it was.
        said: by the tool or the system, or what is known beside.
        shelf: where environments are kept.
    """
    words, remedy = " ".join(said.split()), hindrance.remedy.format(shelf=shelf)
    # What to do about it must not be cut off.
    room = max(_WORDS_AT_LEAST, LINE_AT_MOST - len(f"{hindrance.name}: ; {remedy}"))
    if len(words) > room:
        words = f"{words[: room - 3]}..."
    return f"{hindrance.name}: {words}; {remedy}"


_SERVER = re.compile(r"host='([^']+)', port=(\d+)")
_CAUSE = re.compile(r"\[Errno -?\d+\] ([\w ]+)")


def name_server(printed: str) -> str | None:
    """Name the server that pip did not reach, and why, if it has printed that."""
    server, cause = _SERVER.search(printed), _CAUSE.search(printed)
    where = ":".join(server.groups()) if server else None
    return ": ".join(part for part in (where, cause[1] if cause else None) if part) or None
