"""What a submission asks for that this machine does not have, read and never run.

Looked at are the imports of its own files, and versions in the sidecar (`requirements`) and in the
`requirements.txt` of its clone. Of the latter only what these files import counts: the file of an
official repository names the packages of all teams.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import metadata
from itertools import islice
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from esr.base.errors import UserError
from esr.base.foreign_bytes import read_foreign
from esr.base.house import ROOT
from esr.submissions.parse_source import parse_source
from esr.submissions.submission import CloneSubmission, Measurable

_DISTRIBUTIONS = {
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
    "mmcv": "mmcv-lite",
}
"""By the name that is imported."""
_BYTES_AT_MOST = 2**17
"""Of `requirements.txt`; the longest of an official repository has 3 KB."""
_REQUIREMENT_AT_MOST = 300
"""Characters. It ends up in a lock, in lists, and in the command line of uv or pip."""
_MODULE_AT_MOST = 200
"""Bytes of a module's name; no file can have a longer one."""
_IMPORTS_AT_MOST = 1000
"""Imported by the files of one submission; every one is looked for in all of Python's folders."""


def parsed(text: str) -> Requirement:
    """Read one requirement.

    Raises:
        UserError: it is none, or leads elsewhere than to an index of packages.
    """
    remedy = "write it as PACKAGE==VERSION"
    if len(text) > _REQUIREMENT_AT_MOST:
        raise UserError(f"'{text:.60}...' is no requirement, but too long", remedy=remedy)
    try:
        requirement = Requirement(text)
    # Its parser calls itself for every bracket, in older versions without a limit.
    except (InvalidRequirement, RecursionError) as error:
        raise UserError(f"'{text:.60}' is no requirement", remedy=remedy) from error
    if requirement.url:
        raise UserError(f"'{text:.60}' names an address", remedy=remedy)
    return requirement


def inherited() -> dict[str, str]:
    """List the packages that an environment never replaces: (name, version here)."""
    file = ROOT / "requirements.txt"
    stated = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    names = ["torch", "numpy", *(canonicalize_name(each.name) for each in _readable(stated))]
    found = {}
    for name in (*names, "torchvision", "triton"):
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    found.pop("setuptools", None)  # What is built may need another one.
    return found


def requirements_of(entry: Measurable, asked: Iterable[str] = ()) -> tuple[str, ...]:
    """Say what an environment has to hold for a submission; empty if it needs none.

    Args:
        entry: whose files are read.
        asked: requirements that the organizer states; they come first.

    Raises:
        UserError: one of them is none.
    """
    chosen = {canonicalize_name(each.name): each for each in map(parsed, asked)}
    for each in map(parsed, entry.sidecar.requirements):
        chosen.setdefault(canonicalize_name(each.name), each)
    said = set(chosen)
    listed = {canonicalize_name(each.name): each for each in _readable(_lines(entry))}
    for module in sorted(set(islice(_imports(entry), _IMPORTS_AT_MOST))):
        name = canonicalize_name(_DISTRIBUTIONS.get(module, module))
        if name in listed and not _is_met(listed[name]):
            chosen.setdefault(name, listed[name])
        elif not _is_found(module):
            with suppress(UserError):  # `_own`, `ñandu`: no package can be called so.
                chosen.setdefault(name, parsed(name))
    kept = inherited()
    # A team's file may name any PyTorch; what the organizer or a sidecar says is a conflict.
    return tuple(str(each) for name, each in chosen.items() if name in said or name not in kept)


def _lines(entry: Measurable) -> list[str]:
    if not isinstance(entry, CloneSubmission):
        return []
    try:
        data = read_foreign(entry.clone / "requirements.txt", _BYTES_AT_MOST)
    except UserError:
        return []
    return data.decode("utf-8", "replace").splitlines()


def _readable(lines: Iterable[str]) -> Iterator[Requirement]:
    for line in lines:
        with suppress(UserError):
            yield parsed(line.partition("#")[0].strip())


def _is_met(requirement: Requirement) -> bool:
    version = installed_version(requirement.name)
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def installed_version(package: str) -> str | None:
    """Say in which version a package is installed here; None if it is not."""
    with suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    return None


def modules_of(package: str) -> tuple[str, ...]:
    """Say under which names a package may be imported."""
    name = canonicalize_name(package)
    known = (each for each, of in _DISTRIBUTIONS.items() if canonicalize_name(of) == name)
    return (name.replace("-", "_"), *known)


def _is_found(module: str) -> bool:
    if module in sys.stdlib_module_names:
        return True
    with suppress(ImportError, ValueError):
        return importlib.util.find_spec(module) is not None
    return False


def _imports(entry: Measurable) -> Iterator[str]:
    root = entry.clone if isinstance(entry, CloneSubmission) else entry.model_file.parent.parent
    for file in _sources(entry):
        with suppress(UserError, SyntaxError):
            for name in _imported(parse_source(file)):
                files = () if len(name.encode()) > _MODULE_AT_MOST else (name, f"{name}.py")
                if files and not any((root / each).exists() for each in files):
                    yield name


def _sources(entry: Measurable) -> Iterator[Path]:
    if not isinstance(entry, CloneSubmission):
        yield entry.model_file
        return
    for found in (entry.clone / "models").glob(f"team{entry.model_id:02d}*"):
        yield from [found] if found.suffix == ".py" else found.rglob("*.py")


def _imported(tree: ast.Module) -> Iterator[str]:
    """Name the packages that a file imports, but for those it can do without."""
    optional = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.Try)
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in optional:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.split(".")[0]
