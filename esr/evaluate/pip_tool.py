"""pip adds packages to a thin environment, and reports what it has added."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from esr.base import json_file
from esr.base.errors import UserError
from esr.evaluate.installer_reason import NO_NETWORK, find_hindrance, name_server
from esr.evaluate.thin_environment import ThinEnvironment
from esr.measure.job import SubmissionFailed
from esr.submissions.environments.environment_lock import EnvironmentLock, lock_line

_REASON = re.compile(r"^\s*(?:ERROR|error|OSError)[: ]*(.+)$")
_PACKAGE = re.compile(r"^\s*(?:Collecting|Processing) (\S+)")
_END_OF_BUILD = "[end of output]"
_ALWAYS = (
    *("--no-input", "--no-color", "--disable-pip-version-check", "--no-warn-script-location"),
    *("--no-compile", "--progress-bar", "off"),
)


class Pip:
    """pip of this Python."""

    def add(
        self, environment: ThinEnvironment, asked: Sequence[str], lock: EnvironmentLock | None
    ) -> tuple[str, ...]:
        """Add what was asked for, or exactly what a lock says; see `PackageTool`."""
        report = environment.folder / "report.json"
        command = [sys.executable, "-m", "pip", "--python", str(environment.python), "install"]
        command += ["--report", str(report), *_ALWAYS, *_sources(environment.wheels)]
        environment.run([*command, *_what(environment, asked, lock)], explain, settings=_retries())
        return tuple(sorted(_read_report(report)))


def _retries() -> dict[str, str]:
    # That an index was not reached it says only when it tries again.
    return {"PIP_RETRIES": "1"} if os.environ.get("PIP_RETRIES", "").strip() == "0" else {}


def _sources(wheels: Path | None) -> list[str]:
    if wheels is None:
        return []
    # What is built is built with the setuptools of this machine, as no index is asked for one.
    return ["--no-index", "--no-build-isolation", "--find-links", str(wheels.absolute())]


def _what(
    environment: ThinEnvironment, asked: Sequence[str], lock: EnvironmentLock | None
) -> list[str]:
    if lock is None:
        return ["--constraint", str(environment.write_pins()), *asked]
    file = environment.write("lock.txt", lock.text())
    return ["--no-deps", "--require-hashes", "-r", str(file)]


def _read_report(report: Path) -> Iterator[str]:
    """Read what pip has installed from its report (pip.pypa.io, installation report)."""
    try:
        # What is built on the way may have put anything in its place.
        for each in json_file.parse(dict[str, Any], json_file.read_bytes(report))["install"]:
            name, version = each["metadata"]["name"], each["metadata"]["version"]
            sha256 = each["download_info"]["archive_info"]["hashes"]["sha256"]
            yield lock_line(name, version, sha256)
    except (UserError, KeyError, TypeError) as error:
        raise SubmissionFailed("environment", "what was installed cannot be told") from error


def explain(printed: str) -> str:
    """Find the line that says why in what pip has printed."""
    lines = printed.splitlines()
    if "The conflict is caused by:" in lines:
        start = lines.index("The conflict is caused by:") + 1
        end = next((i for i in range(start, len(lines)) if not lines[i].strip()), len(lines))
        return "; ".join(line.strip() for line in lines[start:end])
    if find_hindrance(printed) is NO_NETWORK and (server := name_server(printed)) is not None:
        return server
    return _last_words_of_build(lines) or _first_error(lines)


def _last_words_of_build(lines: Sequence[str]) -> str | None:
    """Find what a package that was built printed last, where that is why it failed."""
    ends = [n for n, line in enumerate(lines) if line.strip() == _END_OF_BUILD]
    if not ends:
        return None
    packages = [match[1] for line in lines[: ends[0]] if (match := _PACKAGE.match(line))]
    words = next((line.strip() for line in reversed(lines[: ends[0]]) if line.strip()), "")
    return ": ".join([*(Path(package).name for package in packages[-1:]), words])


def _first_error(lines: Sequence[str]) -> str:
    said = [match[1] for line in lines if (match := _REASON.match(line))]
    causes = [line for line in said if not line.startswith(("No matching", "subprocess-exited"))]
    chosen = causes or said or [line for line in lines if line.strip()] or ["pip has failed"]
    return chosen[0].strip()
