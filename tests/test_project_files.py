"""What a clone and an installed package say of themselves: licence, versions, packages, commands."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from harness import PATIENCE_S
from packaging.requirements import Requirement

import esr
from esr.base.prerequisites import NEEDED
from esr.evaluate.arguments import make_parser

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENTRIES = (["test_demo.py"], ["train.py", "x"], ["-m", "esr"])


def _required() -> dict[str, Requirement]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    read = [Requirement(line) for line in lines if not line.startswith("#")]
    return {requirement.name: requirement for requirement in read}


def _run(python: str, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
    command = [python, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_S, cwd=ROOT, **options
    )


def test_versions_agree() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == esr.__version__
    assert f"## [{esr.__version__}]" in (ROOT / "CHANGELOG.md").read_text()
    assert PROJECT["dynamic"] == ["version"]


def test_the_citation_has_what_the_format_requires() -> None:
    # Required by the schema of the Citation File Format 1.2.0, section "Required keys".
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"authors", "cff-version", "message", "title"} <= citation.keys()
    assert citation["cff-version"] == "1.2.0"
    assert citation["license"] == PROJECT["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")


def test_the_package_needs_what_the_clone_needs() -> None:
    required = _required()
    optional = {"imagecodecs", "matplotlib"}
    packaged = {r.name: r for r in map(Requirement, PROJECT["dependencies"])}
    assert packaged.keys() == required.keys() - optional
    for name, requirement in packaged.items():
        if name != "torch":
            assert requirement.specifier == required[name].specifier
    (pin,) = required["torch"].specifier
    assert pin.operator == "=="
    assert pin.version in packaged["torch"].specifier
    # einops is there for official submissions alone.
    assert set(NEEDED.values()) == packaged.keys() - {"einops"}


@pytest.mark.parametrize("file", ["test_demo.py", "train.py", "esr/__init__.py", "esr/__main__.py"])
def test_the_way_to_the_guard_can_be_read_by_an_old_python(file: str) -> None:
    for name in (file, "esr/base/__init__.py", "esr/base/prerequisites.py"):
        ast.parse((ROOT / name).read_text(), feature_version=(3, 8))


@pytest.mark.parametrize("entry", ENTRIES, ids=" ".join)
@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10"])
def test_an_old_python_costs_one_line(version: str, entry: list[str]) -> None:
    done = _run(_find_python(version), *entry)
    assert done.returncode == 2
    assert re.fullmatch(
        rf"error: this is Python {version}\.\d+; needs Python 3\.11 or newer;"
        r" run: python -m pip install -r requirements\.txt\n",
        done.stderr,
    )


@pytest.mark.parametrize("entry", ENTRIES, ids=" ".join)
def test_missing_packages_cost_one_line(entry: list[str]) -> None:
    # Without site-packages.
    done = _run(sys.executable, "-S", "-E", *entry)
    assert done.returncode == 2
    assert re.fullmatch(
        r"error: opencv-python-headless, .* and \d+ more packages are not installed for \S+;"
        r" needs Python 3\.11 or newer; run: python -m pip install -r requirements\.txt\n",
        done.stderr,
    )


def _find_python(version: str) -> str:
    """Find an interpreter of that version, in the path or among those of pyenv."""
    homes = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for candidate in (shutil.which(f"python{version}"), *map(str, homes)):
        if candidate and _run(candidate, "-c", "").returncode == 0:
            return candidate
    pytest.skip(f"no Python {version} on this machine")


def test_help_ends_with_six_commands_that_can_be_typed() -> None:
    text = make_parser(ROOT).format_help()
    last = text.rstrip().splitlines()[-6:]
    assert text.rstrip().splitlines()[-7] == "examples:"
    assert max(map(len, last)) <= 100
    for line in last:
        command = re.split(r" {2,}", line.strip())[0]
        python, *words = shlex.split(command)
        assert python == "python"
        if words[0] == "test_demo.py":
            make_parser(ROOT).parse_args(words[1:])
        else:
            assert words[:3] == ["-m", "esr", "leaderboard"]


@pytest.mark.parametrize("entry", [["test_demo.py"], ["-m", "esr"]], ids=" ".join)
def test_version_is_said(entry: list[str]) -> None:
    done = _run(sys.executable, *entry, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    python = ".".join(map(str, sys.version_info[:3]))
    assert re.fullmatch(
        rf"esr {re.escape(esr.__version__)}, Python {python}, PyTorch \d\S+\n", done.stdout
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a wheel of the clone installs, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(ROOT / "esr", source / "esr", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    made = _run(
        *(sys.executable, "-m", "pip", "wheel", str(source), "--no-deps", "--no-build-isolation"),
        *("--quiet", "--wheel-dir", str(folder)),
    )
    assert made.returncode == 0, made.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def test_an_installed_package_holds_every_file_of_the_program(installed: Path) -> None:
    def files(root: Path) -> set[str]:
        found = (path for path in (root / "esr").rglob("*") if path.is_file())
        return {str(p.relative_to(root)) for p in found if p.suffix != ".pyc"}

    assert files(installed) == files(ROOT)
    (metadata,) = installed.glob("*.dist-info")
    assert "esr = esr.__main__:run" in (metadata / "entry_points.txt").read_text()


def test_the_installed_command_ranks_and_says_what_needs_a_clone(
    installed: Path, shared: Path, tmp_path: Path
) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = f"import sys; sys.path.insert(0, {str(installed)!r}); from esr.__main__ import run"
        code += "; sys.exit(run())"
        return _run(sys.executable, "-P", "-c", code, *arguments)

    results = str(shared / "reference" / "official_results_2024.json")
    done = run("leaderboard", results, "--protocol", "ntire2024", "--save_dir", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.html").is_file()
    for name in ("check", "zoo", "pages", "leakage"):
        done = run(name)
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: esr {name}: works on models/ and data/ of a clone")
        assert done.stderr.count("\n") == 1
