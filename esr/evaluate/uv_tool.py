"""uv adds packages to a thin environment: first a lock is made, then just what it says.

uv looks for what is there in the folder of packages alone, not where a .pth file leads. So the
packages of the harness are named there while it resolves: their metadata without their code.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from itertools import takewhile
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.tags import Tag, sys_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from esr.base.errors import UserError
from esr.base.foreign_bytes import read_foreign
from esr.base.remove_tree import remove_tree
from esr.base.sha256 import hash_file
from esr.evaluate.thin_environment import ThinEnvironment
from esr.measure.job import SubmissionFailed
from esr.submissions.environments.environment_lock import EnvironmentLock, lock_line

_LOCK_AT_MOST = 2**24
_OLDEST = (0, 7)
"""Writes pylock.toml (PEP 751)."""
_ADDED = re.compile(r"^ \+ (\S+==\S+)$", re.MULTILINE)
_MARKS = re.compile(r"^\W*(?:error: |cause: |Caused by: )?")
_ERRORS = ("error:", "  \u00d7")
"""How the line begins that says what went wrong, in new and in old versions."""


def find_uv() -> Uv | None:
    """Find uv beside Python or in PATH; None if there is none that is new enough."""
    for found in (shutil.which("uv", path=str(Path(sys.executable).parent)), shutil.which("uv")):
        if found and _version(found) >= _OLDEST:
            return Uv(Path(found).resolve())
    return None


def _version(program: str) -> tuple[int, ...]:
    try:
        asked = [program, "--version"]
        said = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.match(r"uv (\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else ()


@dataclass(frozen=True)
class Uv:
    """uv, where it is installed."""

    program: Path

    def add(
        self, environment: ThinEnvironment, asked: Sequence[str], lock: EnvironmentLock | None
    ) -> tuple[str, ...]:
        """Add what was asked for, or exactly what a lock says; see `PackageTool`."""
        packages = self._resolve(environment, asked) if lock is None else lock.packages
        if packages:
            file = environment.write("lock.txt", "".join(f"{line}\n" for line in packages))
            exactly = ["--no-deps", "--require-hashes", "-r", str(file)]
            self._run(environment, "install", *exactly)
        return packages

    def _resolve(self, environment: ThinEnvironment, asked: Sequence[str]) -> tuple[str, ...]:
        pins = ["--constraint", str(environment.write_pins())]
        with _shadows(environment):
            planned = self._run(environment, "install", "--dry-run", *pins, "--", *asked)
        added = _ADDED.findall(planned)
        if not added:
            return ()
        wanted = environment.write("wanted.txt", "".join(f"{each}\n" for each in added))
        locked = environment.folder / "pylock.toml"
        options = ["--no-deps", "--format", "pylock.toml", "-o", str(locked), str(wanted)]
        self._run(environment, "compile", *options)
        return tuple(sorted(_read_lock(locked, environment.wheels)))

    def _run(self, environment: ThinEnvironment, action: str, *options: str) -> str:
        command = [str(self.program), "pip", action, "--python", str(environment.python)]
        command += ["--color", "never", "--no-progress", "--no-config", "--no-python-downloads"]
        if environment.wheels is not None:
            # What is built is built with the setuptools of this machine.
            wheels = str(environment.wheels.absolute())
            command += ["--no-index", "--no-build-isolation", "--find-links", wheels]
        settings = {"UV_CACHE_DIR": str(environment.folder / "cache")}
        return environment.run([*command, *options], explain, self.program, settings)


@contextmanager
def _shadows(environment: ThinEnvironment) -> Iterator[None]:
    """Name the packages that this Python has in a folder where uv looks for them.

    Raises:
        SubmissionFailed: what was built meanwhile has put another folder there.
    """
    made, site = [], environment.site
    for package in metadata.distributions():
        text = package.read_text("METADATA") or package.read_text("PKG-INFO") or ""
        head = text.partition("\n\n")[0]  # Behind it stands what is for people.
        name = re.sub(r"[-_.]+", "_", package.metadata["Name"] or "")
        folder = site / f"{name}-{package.version}.dist-info"
        if not (head and name) or folder.exists():
            continue
        folder.mkdir()
        made.append(folder)
        (folder / "METADATA").write_text(f"{head}\n", encoding="utf-8")
        (folder / "RECORD").write_text(f"{folder.name}/METADATA,,\n{folder.name}/RECORD,,\n")
    try:
        yield
    finally:
        environment.refuse_replaced()  # This Python's own packages have the same names.
        for folder in made:
            remove_tree(folder)


def _read_lock(file: Path, wheels: Path | None) -> Iterator[str]:
    """Read names, versions and hashes from a pylock.toml (PEP 751)."""
    ranks = {tag: rank for rank, tag in enumerate(sys_tags())}
    try:
        for package in tomllib.loads(read_foreign(file, _LOCK_AT_MOST).decode())["packages"]:
            chosen = _choose_file(package, ranks)
            sha256 = chosen["hashes"].get("sha256")
            if sha256 is None and wheels is not None:  # Older versions do not read local files.
                sha256 = hash_file(wheels / _name(chosen))
            if sha256 is None:
                raise ValueError(f"no hash of {_name(chosen)}")
            yield lock_line(package["name"], package["version"], sha256)
    except (OSError, UserError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SubmissionFailed("environment", "what was resolved cannot be told") from error


def _choose_file(package: Mapping[str, Any], ranks: Mapping[Tag, int]) -> Mapping[str, Any]:
    """Choose the wheel that suits this machine best, else the source."""

    def rank(wheel: Mapping[str, Any]) -> int:
        try:
            tags = parse_wheel_filename(_name(wheel))[3]
        except InvalidWheelFilename:
            return len(ranks)
        return min(ranks.get(tag, len(ranks)) for tag in tags)

    fitting = [wheel for wheel in package.get("wheels", ()) if rank(wheel) < len(ranks)]
    chosen: Mapping[str, Any] = min(fitting, key=rank) if fitting else package["sdist"]
    return chosen


def _name(file: Mapping[str, Any]) -> str:
    where = file.get("name") or unquote(urlsplit(file.get("url") or file["path"]).path)
    return str(where).rpartition("/")[2]


def explain(printed: str) -> str:
    """Find what says why in what uv has printed: an error, and its causes on the lines after."""
    lines = printed.splitlines()
    begin = next((n for n, line in enumerate(lines) if line.startswith(_ERRORS)), 0)
    end = next((n for n in range(begin, len(lines)) if not lines[n].strip()), len(lines))
    said = [_MARKS.sub("", line).strip() for line in lines[begin:end]] or ["uv has failed"]
    if said[0].startswith("No solution found") and said[1:]:
        return " ".join(said[1:])
    if (words := _last_words_of_build(lines)) is not None:
        return f"{said[0]}: {words}"
    return ": ".join(said[:2])


def _last_words_of_build(lines: Sequence[str]) -> str | None:
    """Find what a package that was built printed last, where that is why it failed."""
    parts = [n for n, line in enumerate(lines) if line.strip() in ("[stdout]", "[stderr]")]
    if not parts:
        return None
    printed = takewhile(lambda line: not line.strip() or line[0].isspace(), lines[parts[-1] + 1 :])
    words = [line.strip() for line in printed if line.strip()]
    return words[-1] if words else None
