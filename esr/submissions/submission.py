"""What can be measured: a network of our own layout or from an archive, an id of a clone.

What is meant as a submission and cannot be used is a value with its reason, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from esr.submissions.sidecar import Sidecar

SCRIPT, SELECT = "test_demo.py", "select_model"
"""Script of an official repository, and its function that builds a submission."""

FOLDER_SCRIPT = "test.py"
"""The same where a submission is given a folder of images."""

MAIN, GIVEN = "main", ("model_dir", "input_path", "output_path", "device")
"""Function of such a submission, and its arguments, all of them given by name."""

FOLDER_CALL = f"{MAIN}({', '.join(GIVEN)})"

_NOT_IN_FILE_NAMES = re.compile(r"[^\w.+()-]+")
_LABEL_AT_MOST = 100
"""Bytes; a system allows 255 for the name of a file, what is added to it included."""

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
class FolderCall:
    """A function of a submission that reads a folder of images and writes one."""

    module: str
    """That defines `main(model_dir, input_path, output_path, device)`; `models.team09_Name.io`."""
    model_dir: str
    """What holds the weights, relative to the clone."""


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
    folder_call: FolderCall | None = None
    """None if `select_model` returns a network that is given one image after the other."""
    variant: str | None = None
    """The label, if it was given with `--label`."""
    named: tuple[str, ...] = ()
    """Checkpoint files that its branch of `select_model` names."""

    @property
    def model_file(self) -> Path:
        """Where to look for what the submission says of itself."""
        return self.clone / (SCRIPT if self.folder_call is None else FOLDER_SCRIPT)


def make_label(name: str, model_id: int) -> str:
    """Make of what a clone calls a submission the name of its files."""
    safe = _NOT_IN_FILE_NAMES.sub("_", name).lstrip(".").encode()[:_LABEL_AT_MOST]
    return safe.decode("utf-8", "ignore") or f"{model_id:02d}_submission"


Measurable = Submission | CloneSubmission
"""What can be measured."""


def is_folder_call(submission: Measurable) -> bool:
    """Tell whether a submission reads a folder of images and writes one."""
    return isinstance(submission, CloneSubmission) and submission.folder_call is not None


Own = Submission | Broken
"""What a folder in our own layout holds."""

Entry = Measurable | Broken
