"""A thin environment for one submission: a folder of packages before those of the harness.

uv, or pip where that is absent, resolves, builds and unpacks in a process that has the network and
neither HR nor results, and that can write to its own folder alone, so that a `setup.py` can do no
more than that. What is there already is inherited, the packages of the harness in the very version
that it has. Equal locks share one folder; submissions may read it and not write to it.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from esr.base.errors import UserError, cause, printable_line
from esr.base.scratch import held_folder, remove_orphans_in
from esr.evaluate.installer_reason import find_obstacle, give_reason
from esr.evaluate.options import Confinement
from esr.evaluate.pip_tool import Pip
from esr.evaluate.thin_environment import PackageTool, ThinEnvironment
from esr.evaluate.uv_tool import find_uv
from esr.measure.job import SubmissionFailed
from esr.sandbox.policy import Limits
from esr.submissions.environments.environment_lock import EnvironmentLock

BUILD_S = 1800.0
"""For one environment, at most, unless the user says otherwise."""
_MAKING = ".making-"
"""Begins the name of a folder in which an environment is made; a finished one is renamed."""


def find_tool() -> PackageTool | None:
    """Find what makes environments here; None if there is nothing."""
    return find_uv() or (Pip() if importlib.util.find_spec("pip") else None)


@dataclass(frozen=True)
class Installer:
    """How and where environments are made."""

    shelf: Path
    """Holds finished environments, each under the key of its lock."""
    hidden: tuple[Path, ...]
    """What the process that installs must not see."""
    limits: Limits
    """Of what is used while one is made."""
    wheels: Path | None = None
    """Folder of wheels, to use nothing else; None for the network."""
    find_tool: Callable[[], PackageTool | None] = find_tool
    """Called when there is something to make."""

    @classmethod
    def of(cls, confinement: Confinement, hidden: Sequence[Path]) -> Installer:
        """Make environments as the user has asked."""
        timeout_s = confinement.install_timeout_s
        if timeout_s is None:
            timeout_s = min(BUILD_S, confinement.limits.timeout_s)
        limits = replace(confinement.limits, timeout_s=timeout_s)
        return cls(shelf(), tuple(hidden), limits, confinement.wheels)

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
        tool = self.find_tool()
        if tool is None:
            reason = "neither uv nor pip is installed; python -m ensurepip installs pip"
            raise SubmissionFailed("environment", reason)
        _begin(log)
        try:
            self.shelf.mkdir(parents=True, exist_ok=True)
            remove_orphans_in(self.shelf, f"{_MAKING}*")
            with held_folder(Path(tempfile.mkdtemp(prefix=_MAKING, dir=self.shelf))) as folder:
                place = ThinEnvironment(folder, self.wheels, self.hidden, log, self.limits)
                return self._build(place, tool, asked, lock)
        except (OSError, UserError) as error:  # It costs this submission alone.
            said = cause(error) if isinstance(error, OSError) else str(error)
            reason = give_reason(find_obstacle(error), said, self.shelf)
            raise SubmissionFailed("environment", printable_line(reason)) from error

    def _build(
        self,
        place: ThinEnvironment,
        tool: PackageTool,
        asked: Sequence[str],
        lock: EnvironmentLock | None,
    ) -> EnvironmentLock:
        place.create()
        made = EnvironmentLock(tuple(asked), tool.add(place, asked, lock))
        if lock is not None and made.packages != lock.packages:
            reason = "what was installed is not what its lock says; remove the lock to renew it"
            raise SubmissionFailed("environment", reason)
        site = place.close()
        with suppress(FileExistsError, OSError):  # Another run has just made the same.
            site.rename(self.layer(made))
        if not self.layer(made).is_dir():
            raise SubmissionFailed("environment", f"{self.layer(made)} cannot be written")
        return made


def _begin(log: Path) -> None:
    """Keep a log of this attempt alone, even if nothing comes to be printed."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")
    except OSError as error:
        reason = f"{log} cannot be written ({cause(error)})"
        raise SubmissionFailed("environment", printable_line(reason)) from error


def shelf() -> Path:
    """Name the folder that keeps environments from one run to the next."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "esr" / "environments"
