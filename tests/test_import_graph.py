"""What may be imported where: PyTorch only in the worker, and nothing looks to its right."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness import PATIENCE_S

_ENTRY = re.compile(r"    (\w+/?(?:, \w+/?)*)(?: |$)")
"""A line of a map: names, then what they are for."""


def _line(folder: Path) -> list[Path]:
    """The modules of a package and of those in it, in the order of their maps."""
    lines = (folder / "__init__.py").read_text().split("\nTo read")[0].splitlines()
    names = [name for line in lines if (m := _ENTRY.match(line)) for name in m[1].split(", ")]
    return [
        module
        for name in names
        for module in (_line(folder / name[:-1]) if name.endswith("/") else [folder / f"{name}.py"])
    ]


def _module(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts)


def _imports(path: Path, modules: set[str]) -> set[str]:
    """Names of the modules of `utils` that a file imports at any depth."""
    named = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            named |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
    return named & modules


def test_no_module_imports_one_further_right(root: Path) -> None:
    line = [_module(path, root) for path in _line(root / "utils")]
    backwards = [
        f"{name} imports {other}"
        for index, name in enumerate(line)
        for other in _imports(root / f"{name.replace('.', '/')}.py", set(line))
        if line.index(other) >= index
    ]
    assert backwards == []


def test_every_module_stands_on_one_map(root: Path) -> None:
    modules = {path for path in (root / "utils").rglob("*.py") if path.name != "__init__.py"}
    line = _line(root / "utils")
    assert set(line) == modules
    assert len(line) == len(modules)


@pytest.mark.parametrize("arguments", [["--help"], ["--list"], ["--model_id", "12345"]])
def test_answers_that_measure_nothing_come_without_torch_and_pandas(
    root: Path, arguments: list[str]
) -> None:
    program = (
        "import sys, runpy\n"
        f"sys.argv = ['test_demo.py', *{arguments}]\n"
        "try:\n    runpy.run_path('test_demo.py', run_name='__main__')\n"
        "except SystemExit:\n    pass\n"
        "sys.exit(' '.join({'torch', 'pandas', 'fvcore', 'thop'} & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr


def test_scoring_ranking_and_reporting_come_without_torch(root: Path) -> None:
    program = "import sys, utils.evaluation, utils.store, utils.leaderboard; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=root, timeout=PATIENCE_S)
    assert done.returncode == 0


def test_only_the_worker_and_training_import_a_model_file(root: Path) -> None:
    network = {"utils.measure.network"}
    files = (root / "utils").rglob("*.py")
    users = {_module(path, root) for path in files if _imports(path, network)}
    assert users == {"utils.worker.building", "utils.train.training_network"}
