"""What can be measured: a network of our own layout or from an archive, an id of a clone.

What is meant as a submission and cannot be used is a value with its reason, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from esr.submissions.sidecar import Sidecar

SCRIPT, SELECT = "test_demo.py", "select_model"
"""Script of an official repository, and its function that builds a submission."""

CHECKPOINT_SUFFIXES = (".pth", ".pt", ".ckpt", ".pkl", ".safetensors")


@dataclass(frozen=True)
class Submission:
    """A network and its checkpoint, ready to be built by the worker."""

    model_id: int
    name: str
    model_file: Path
    checkpoint: Path | None
    """None when the zoo has none, or several that could be meant; evaluating needs one."""
    sidecar: Sidecar = field(default_factory=Sidecar)
    """As it is in the chosen form."""
    form: str | None = None
    """The chosen entry of `sidecar.forms`."""
    problem: str = ""
    """Why there is no checkpoint."""
    handed_in_to: str | None = None
    """Challenge whose archive it is: its hooks build the network, weights included, and know what
    else came with it; None if class and checkpoint are all there is."""
    variant: str | None = None
    """Label of its own, given with `--label`; None for that of the model."""

    @property
    def label(self) -> str:
        """Row name, as the official script spells it: `00_RFDN`."""
        return self.variant or f"{self.model_id:02d}_{self.name}"


@dataclass(frozen=True)
class Broken:
    """A file in `models/` that is meant as a submission and cannot be used."""

    model_id: int | None
    label: str
    model_file: Path
    reason: str


@dataclass(frozen=True)
class CloneSubmission:
    """One id of a clone of an official repository; what it is, its `select_model` says."""

    model_id: int
    label: str
    """Name of its files, made of what the clone's source calls it; known before anything runs."""
    clone: Path
    """Holds `test_demo.py`."""
    sidecar: Sidecar = field(default_factory=Sidecar)
    """data_range and tile are those that `select_model` returned, once it has run."""
    form: None = None
    checkpoint: None = None
    name: str | None = None
    """As the clone's source spells it; None if that would have to be run."""
    variant: str | None = None
    """The label, if it was given with `--label`."""
    named: tuple[str, ...] = ()
    """Checkpoint files that its branch of `select_model` names."""

    @property
    def model_file(self) -> Path:
        """Where to look for what the submission says of itself."""
        return self.clone / SCRIPT


Measurable = Submission | CloneSubmission
"""What can be measured."""

Own = Submission | Broken
"""What a folder in our own layout holds."""

Entry = Measurable | Broken
