"""Codabench as far as a scoring program notices it; written from shared/reference/codabench.md."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml
from harness import PATIENCE_S

from esr.tools.codabench import codabench_command

REAL = "ESR_FRESH_VENV"
"""Set it to have pip install the requirements, as an image does; it takes twenty seconds."""


@dataclass(frozen=True)
class Scored:
    """What one run of the scoring program came to."""

    returncode: int
    stderr: str
    output: Path

    @property
    def scores(self) -> dict[str, float] | None:
        """What the server stores, None without: strict JSON, flat, numbers of decimal(20, 10)."""
        if self.returncode != 0:
            assert not (self.output / "scores.json").exists()
            return None

        def refuse(constant: str) -> None:
            raise AssertionError(f"the HTTP client refuses {constant}")

        text = (self.output / "scores.json").read_text()
        scores = json.loads(text, parse_constant=refuse)
        assert all(type(value) is float and abs(value) < 1e10 for value in scores.values())
        return scores

    @property
    def page(self) -> str:
        return (self.output / "detailed_results.html").read_text()

    @property
    def error(self) -> str:
        return (self.output / "error.txt").read_text()


class Server:
    """A bundle that has been unpacked, and a Python that has its requirements alone.

    Args:
        bundle: the archive.
        folder: an empty one.
    """

    def __init__(self, bundle: Path, folder: Path) -> None:
        self.folder = folder
        self.bundle = folder / "bundle"
        with zipfile.ZipFile(bundle) as archive:
            archive.extractall(self.bundle)
        self.competition = yaml.safe_load((self.bundle / "competition.yaml").read_text())
        self.python = fresh_venv(folder / "venv", self.bundle / "scoring_program")
        self._runs = 0

    def lay_out(self, upload: Path, phase: int = 0) -> Path:
        """Unpack an upload and what it is scored with; everything of a run is in one folder."""
        self._runs += 1
        run = self.folder / f"run{self._runs}"
        task = self.competition["tasks"][self.competition["phases"][phase]["tasks"][0]]
        # A folder's contents become a zip archive, whose contents are unpacked again.
        shutil.copytree(self.bundle / task["scoring_program"], run / "program")
        shutil.copytree(self.bundle / task["reference_data"], run / "input" / "ref")
        with zipfile.ZipFile(upload) as archive:
            archive.extractall(run / "input" / "res")
        (run / "input" / "res" / "metadata").write_text("elapsedTime: 0.1\nexitCode: 0\n")
        for name in ("output", "shared"):
            (run / name).mkdir()
        return run

    def score(self, upload: Path, phase: int = 0) -> Scored:
        """Run the scoring program on an upload."""
        run = self.lay_out(upload, phase)
        metadata = yaml.safe_load((run / "program" / "metadata.yaml").read_text())
        words = metadata["command"].replace("/app/", f"{run}/").split()
        assert words[0] == "python3"
        done = subprocess.run(
            [str(self.python), *words[1:]],
            cwd=run / "program",
            env={"PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        return Scored(done.returncode, done.stderr, run / "output")


def write_without_kit(arguments: list[str]) -> None:
    """Write a bundle whose starting kit is a stand-in: a real one takes longer than all the rest."""
    kit = {"example_upload.zip": b"no zip"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("esr.tools.codabench.make_competition.make_kit", lambda *_: kit)
        assert codabench_command.main(arguments) == 0


def fresh_venv(folder: Path, program: Path) -> Path:
    """Make an environment of nothing but a program's requirements; its Python.

    The packages are links to those installed here, of the very versions that are asked for, unless
    `REAL` is set.
    """
    real = bool(os.environ.get(REAL))
    create = [sys.executable, "-m", "venv", *([] if real else ["--without-pip"]), str(folder)]
    subprocess.run(create, check=True, timeout=PATIENCE_S)
    python, requirements = folder / "bin" / "python", program / "requirements.txt"
    if real:
        install = [str(python), "-m", "pip", "install", "-q", "-r", str(requirements)]
        subprocess.run(install, check=True, timeout=PATIENCE_S)
        return python
    packages = next(folder.glob("lib/python*/site-packages"))
    for line in requirements.read_text().splitlines():
        name, version = line.split("==")
        installed = distribution(name)
        assert installed.version == version
        tops = {Path(file).parts[0] for file in installed.files or ()} - {"..", "__pycache__"}
        for top in tops:
            (packages / top).symlink_to(Path(str(installed.locate_file(top))))
    return python
