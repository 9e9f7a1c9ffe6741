"""A thin environment for one submission: a folder of packages before those of the harness.

uv or pip resolve, build and unpack in a process that has the network and neither HR nor results,
and that can write to its own folder alone, so that a `setup.py` can do no more than that. What is
there already is inherited, the packages of the harness in the very version that it has. Equal locks
share one folder; submissions may read it and not write to it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esr.base import json_file
from esr.base.errors import UserError, cause, printable_line
from esr.base.remove_tree import remove_tree
from esr.evaluate.confined_installer import install
from esr.measure.job import SubmissionFailed
from esr.submissions.environments.environment_lock import EnvironmentLock
from esr.submissions.environments.stated_requirements import inherited

_REASON = re.compile(r"^\s*(?:ERROR|error|OSError)[: ]*(.+)$")


@dataclass(frozen=True)
class Installer:
    """How and where environments are made."""

    shelf: Path
    """Holds finished environments, each under the key of its lock."""
    hidden: tuple[Path, ...]
    """What the process that installs must not see."""
    wheels: Path | None = None
    """Folder of wheels, to use nothing else; None for the network."""
    timeout_s: float = 1800.0

    def layer(self, lock: EnvironmentLock) -> Path:
        """Name the folder of an environment."""
        return self.shelf / lock.key

    def build(
        self, asked: Sequence[str], log: Path, lock: EnvironmentLock | None = None
    ) -> EnvironmentLock:
        """Make an environment, or find one with an equal lock.

        Args:
            asked: requirements.
            log: receives what is printed meanwhile.
            lock: exact versions to use, if they are known already.

        Raises:
            SubmissionFailed: that is not possible, with stage `environment`.
        """
        if lock is not None and self.layer(lock).is_dir():
            return lock
        if importlib.util.find_spec("pip") is None:
            raise SubmissionFailed("environment", "pip is not installed")
        folder = None
        try:
            self.shelf.mkdir(parents=True, exist_ok=True)
            log.parent.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=".making-", dir=self.shelf))
            return self._built(folder, asked, log, lock)
        except OSError as error:
            raise SubmissionFailed("environment", f"cannot be written ({cause(error)})") from error
        finally:
            if folder is not None:
                remove_tree(folder)

    def _built(
        self, folder: Path, asked: Sequence[str], log: Path, lock: EnvironmentLock | None
    ) -> EnvironmentLock:
        site = _thin_environment(folder / "environment")
        report = folder / "report.json"
        options = ["--report", str(report), *self._sources(), *_what(folder, asked, lock)]
        python = folder / "environment" / "bin" / "python"
        shown = () if self.wheels is None else (self.wheels,)
        command = [sys.executable, "-m", "pip", "--python", str(python), "install", *options]
        ended = install(command, folder, shown, self.hidden, log, self.timeout_s)
        if ended is None:
            raise SubmissionFailed("environment", f"not made within {self.timeout_s:g} s")
        if ended != 0:
            raise SubmissionFailed("environment", _reason(log))
        made = EnvironmentLock(tuple(asked), _packages(report))
        if lock is not None and made.packages != lock.packages:
            raise SubmissionFailed("environment", "what was installed is not what its lock says")
        (site / "base.pth").unlink()
        with suppress(FileExistsError, OSError):  # Another run has just made the same.
            site.rename(self.layer(made))
        if not self.layer(made).is_dir():
            raise SubmissionFailed("environment", f"{self.layer(made)} cannot be written")
        return made

    def _sources(self) -> list[str]:
        always = [
            "--no-input",
            "--no-color",
            "--disable-pip-version-check",
            "--no-warn-script-location",
        ]
        always += ["--no-compile", "--progress-bar", "off"]
        if self.wheels is None:
            return always
        # What is built is built with the setuptools of this machine, as no index is asked for one.
        offline = ["--no-index", "--no-build-isolation", "--find-links"]
        return [*always, *offline, str(self.wheels.absolute())]


def _thin_environment(folder: Path) -> Path:
    """Make an environment that holds nothing and sees everything; return where packages go."""
    venv.create(folder, symlinks=True, with_pip=False)
    site = Path(
        sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)})
    )
    seen = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    (site / "base.pth").write_text("\n".join(seen), encoding="utf-8")
    return site


def _what(folder: Path, asked: Sequence[str], lock: EnvironmentLock | None) -> list[str]:
    if lock is not None:
        (folder / "lock.txt").write_text(lock.text(), encoding="utf-8")
        return ["--no-deps", "--require-hashes", "-r", str(folder / "lock.txt")]
    pins = "".join(f"{name}=={version}\n" for name, version in inherited().items())
    (folder / "inherited.txt").write_text(pins, encoding="utf-8")
    return ["--constraint", str(folder / "inherited.txt"), *asked]


def _packages(report: Path) -> tuple[str, ...]:
    """Read what pip has installed from its report (pip.pypa.io, installation report)."""
    try:
        # What is built on the way may have put anything in its place.
        installed = json_file.parse(dict[str, Any], json_file.read_bytes(report))["install"]
        lines = []
        for each in installed:
            name, version = each["metadata"]["name"], each["metadata"]["version"]
            sha256 = each["download_info"]["archive_info"]["hashes"]["sha256"]
            lines.append(f"{name}=={version} --hash=sha256:{sha256}")
    except (UserError, KeyError, TypeError) as error:
        raise SubmissionFailed("environment", "what was installed cannot be told") from error
    return tuple(sorted(lines))


def _reason(log: Path) -> str:
    """Find the line that says why in what pip has printed."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    said = [match[1] for line in lines if (match := _REASON.match(line))]
    causes = [line for line in said if not line.startswith(("No matching", "subprocess-exited"))]
    chosen = causes or said or [line for line in lines if line.strip()] or ["pip has failed"]
    if "The conflict is caused by:" in lines:
        start = lines.index("The conflict is caused by:") + 1
        end = next((i for i in range(start, len(lines)) if not lines[i].strip()), len(lines))
        chosen = [f"{'; '.join(line.strip() for line in lines[start:end])}"]
    network = any("Failed to establish" in line or "NewConnectionError" in line for line in lines)
    prefix = "no network: " if network else ""
    return printable_line(f"{prefix}{chosen[0].strip()}")


def shelf() -> Path:
    """Name the folder that keeps environments from one run to the next."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "esr" / "environments"
