"""`torch.load` as a clone may use it: nothing in a checkpoint is run without the organizer's leave.

Their source is read by whoever runs it and their checkpoints are by nobody, so `weights_only=True`
holds even where the call says otherwise. Reading a pickle by other means is not stopped here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import torch

from esr.base.errors import UserError, cause
from esr.base.visible_text import one_line
from esr.submissions.checkpoint_file import diagnose, read_head, refuse_code
from esr.submissions.clone_session.clone_world import Patch

_TEAM = re.compile(r"team\d+", re.IGNORECASE)

Enter = Callable[[Literal["import", "build", "load"]], None]
"""Told which stage begins."""


@dataclass
class SafeLoad:
    """Stands in for `torch.load` and `torch.jit.load`."""

    trusted: bool
    """Whether checkpoints may run code."""
    enter: Enter
    to_cpu: Callable[[str], None] | None
    """Told what was redirected to the CPU; None where there is a GPU."""
    files: list[Path] = field(default_factory=list)
    """What was loaded."""

    def __post_init__(self) -> None:
        self._load: Callable[..., Any] = torch.load
        self._jit_load: Callable[..., Any] = torch.jit.load

    def patches(self) -> list[Patch]:
        """List what to put in the place of PyTorch's functions."""
        return [
            (torch, "load", self.load),
            (torch.serialization, "load", self.load),
            (torch.jit, "load", self.jit_load),
            *self._safetensors(),
        ]

    def _safetensors(self) -> Iterator[Patch]:
        """List what to replace of a package whose functions all open files by `safe_open`."""
        try:
            package: Any = import_module("safetensors")
            of_torch = import_module("safetensors.torch")
        except ImportError:
            return

        def safe_open(filename: Any, framework: str, device: Any = "cpu", **options: Any) -> Any:  # noqa: ANN401
            self._opened(filename)
            return original(
                filename, framework, device=self._location(device, "safe_open"), **options
            )

        original = package.safe_open
        yield from ((owner, "safe_open", safe_open) for owner in (package, of_torch))

    def load(
        self,
        f: Any,  # noqa: ANN401
        map_location: Any = None,  # noqa: ANN401
        pickle_module: Any = None,  # noqa: ANN401
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Load a checkpoint as `torch.load` does, without running code in it unless trusted."""
        path, head = self._opened(f)
        options["weights_only"] = not self.trusted
        if self.trusted:
            options["pickle_module"] = pickle_module
        try:
            return self._load(f, self._location(map_location, "torch.load"), **options)
        except Exception as error:  # The unpickler promises nothing about what it raises.
            raise diagnose(path, head, error, trusted=self.trusted) from error

    def jit_load(
        self,
        f: Any,  # noqa: ANN401
        map_location: Any = None,  # noqa: ANN401
        *further: Any,  # noqa: ANN401
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Load a TorchScript archive, if trusted."""
        path, _ = self._opened(f)
        if not self.trusted:
            raise refuse_code(path)
        return self._jit_load(
            f, self._location(map_location, "torch.jit.load"), *further, **options
        )

    def _opened(self, f: Any) -> tuple[Path, bytes]:  # noqa: ANN401
        self.enter("load")
        given = f if isinstance(f, str | os.PathLike) else getattr(f, "name", None)
        if not isinstance(given, str | os.PathLike):
            return Path("(a buffer)"), b""
        path = Path(given)
        try:
            head = read_head(path)
        except FileNotFoundError as error:
            raise absent(str(given)) from error
        except OSError as error:
            raise UserError(f"cannot be read ({cause(error)})", where=given) from error
        self.files.append(path.absolute())
        return path, head

    def _location(self, given: Any, where: str) -> Any:  # noqa: ANN401
        if self.to_cpu is None or str(given) == "cpu":
            return given
        # Whatever it maps to, a GPU or where the tensors were saved from: there is one place.
        self.to_cpu(where)
        return "cpu"


class AbsentCheckpoint(UserError, FileNotFoundError):
    """A checkpoint that is not there; code that has another one for that case may catch it."""


def absent(name: str) -> AbsentCheckpoint:
    """Say that a checkpoint is not there, and which text beside it may say where it is."""
    note = _note_beside(Path(name))
    remedy = f"{one_line(note, 80)} may say where it is" if note else ""
    return AbsentCheckpoint(f"no checkpoint: {name} is not in the clone", remedy=remedy)


def _note_beside(path: Path) -> str:
    team = _TEAM.match(path.name)
    begins = (path.stem, *([team[0]] if team else []))
    try:
        notes = [each for each in sorted(path.parent.iterdir()) if each.suffix.lower() == ".txt"]
    except OSError:
        return ""
    own = [note for note in notes if note.name.startswith(begins) or path.parent.name in begins]
    return (path.parent / own[0].name).as_posix() if own else ""
