"""An environment that is being made: it holds nothing, sees what is here, and is added to."""

from __future__ import annotations

import sys
import sysconfig
import time
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from esr.base.errors import printable_line
from esr.base.remove_tree import remove_tree
from esr.evaluate.confined_installer import Stopped, run_confined
from esr.evaluate.installer_reason import NO_TIME, TOO_MUCH, Hindrance, find_hindrance, give_reason
from esr.measure.job import SubmissionFailed
from esr.sandbox.policy import Limits, places_of_house
from esr.submissions.environments.environment_lock import EnvironmentLock
from esr.submissions.environments.stated_requirements import inherited

_SEES = "base.pth"


@dataclass(frozen=True)
class ThinEnvironment:
    """A folder that packages are put into by a tool that can write nowhere else."""

    folder: Path
    """Exists, and is empty at first."""
    wheels: Path | None
    """Folder of wheels, to use nothing else; None for the network."""
    hidden: tuple[Path, ...]
    """What the tool must not see."""
    log: Path
    """Receives what the tool prints."""
    limits: Limits
    """Of what the tool and all that it runs may use."""
    began_s: float = field(default_factory=time.monotonic)

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "environment" / "bin" / "python"

    @property
    def site(self) -> Path:
        """Where its packages go."""
        base = str(self.folder / "environment")
        return Path(sysconfig.get_path("purelib", "venv", {"base": base, "platbase": base}))

    def create(self) -> None:
        """Make it, and let it see all packages of this one.

        Raises:
            OSError: it cannot be written.
        """
        venv.create(self.folder / "environment", symlinks=True, with_pip=False)
        seen = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
        (self.site / _SEES).write_text("\n".join(seen), encoding="utf-8")

    def close(self) -> Path:
        """Leave nothing in it but what was added.

        Returns:
            its packages.

        Raises:
            SubmissionFailed: something else is in their place.
            OSError: it cannot be written.
        """
        self.refuse_replaced()
        (self.site / _SEES).unlink()
        return self.site

    def refuse_replaced(self) -> None:
        """Make sure that its packages lie in it: a `setup.py` may have put a link there.

        Raises:
            SubmissionFailed: the way to them leads elsewhere.
        """
        place = self.folder
        for part in self.site.relative_to(self.folder).parts:
            place /= part
            if place.is_symlink() or not place.is_dir():
                what = f"what was built has put something else in the place of {part}"
                raise SubmissionFailed("environment", what)

    def write(self, name: str, text: str) -> Path:
        """Write a file for the tool, in the place of whatever was left there.

        Raises:
            OSError: that cannot be done.
        """
        file = self.folder / name
        file.unlink(missing_ok=True)
        with file.open("x", encoding="utf-8") as opened:  # Through no link.
            opened.write(text)
        return file

    def write_pins(self) -> Path:
        """Write a file of constraints: what is inherited stays at the version that is here."""
        pins = (f"{name}=={version}\n" for name, version in inherited().items())
        return self.write("inherited.txt", "".join(pins))

    def run(
        self,
        command: Sequence[str],
        explain: Callable[[str], str],
        program: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> str:
        """Run a tool that may write to this folder alone.

        Args:
            command: program and arguments.
            explain: finds in what was printed why it failed.
            program: file of the program, where it is not Python.
            settings: environment variables.

        Returns:
            what it printed.

        Raises:
            SubmissionFailed: it failed, or there was no time left for it.
            OSError: its log cannot be written.
        """
        shown = [path for path in (self.wheels, program) if path is not None]
        places = places_of_house(self.folder, shown, self.hidden)
        begins = self.log.stat().st_size if self.log.exists() else 0
        left_s = max(0.0, self.limits.timeout_s - (time.monotonic() - self.began_s))
        limits = replace(self.limits, timeout_s=left_s)
        try:
            ended = run_confined(command, places, self.log, limits, settings or {})
        finally:
            for folder in (places.home, places.temporary):
                remove_tree(folder)
        if isinstance(ended, Stopped) and ended.stage == "timeout":
            raise self.failure(NO_TIME, f"{self.limits.timeout_s:g} s have passed")
        if isinstance(ended, Stopped):
            raise self.failure(TOO_MUCH, ended.reason)
        with self.log.open("rb") as file:
            file.seek(begins)
            printed = file.read().decode("utf-8", "replace")
        if ended != 0:
            raise self.failure(find_hindrance(printed), explain(printed))
        return printed

    def failure(self, hindrance: Hindrance, said: str) -> SubmissionFailed:
        """Say why it cannot be made, and what to do about it."""
        reason = give_reason(hindrance, said, self.folder.parent)
        return SubmissionFailed("environment", printable_line(reason))


class PackageTool(Protocol):
    """What resolves, fetches, builds and unpacks packages."""

    def add(
        self, environment: ThinEnvironment, asked: Sequence[str], lock: EnvironmentLock | None
    ) -> tuple[str, ...]:
        """Add what was asked for, or exactly what a lock says.

        Returns:
            what was added, as lines of a lock.

        Raises:
            SubmissionFailed: that cannot be done.
            OSError: the folder cannot be written.
        """
