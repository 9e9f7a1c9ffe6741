"""What may be imported where: PyTorch only in the worker, and nothing looks to its right."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

LINE = [
    *("errors", "jsonfile", "utils_logger"),
    *("ssim", "color", "resample", "image_file", "utils_image", "metrics"),
    *("protocol", "sidecar", "submission", "dataset", "options", "record", "job", "staging", "judge"),
    *("snapshot", "model_summary", "complexity", "machine", "network", "restore", "timing", "worker"),
    *("provenance", "isolation", "progress", "evaluation", "official_results", "store", "run_log"),
    *("columns", "report"),
]  # fmt: skip
"""From left to right: a module may import those before it."""

WORKER_ONLY = {"torch", "fvcore", "thop"}


def _imports(path: Path) -> set[str]:
    """Names of the modules of `utils` that a file imports at any depth."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            root, _, rest = node.module.partition(".")
            if root == "utils":
                found |= {rest.split(".")[0]} if rest else {alias.name for alias in node.names}
    return found


def test_no_module_imports_one_further_right(root: Path) -> None:
    backwards = [
        f"{name} imports {other}"
        for name in LINE
        if (path := root / "utils" / f"{name}.py").exists()
        for other in _imports(path)
        if LINE.index(other) >= LINE.index(name)
    ]
    assert backwards == []


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
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_scoring_ranking_and_reporting_come_without_torch(root: Path) -> None:
    program = (
        "import sys, utils.evaluation, utils.store, utils.report; sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=root, timeout=120)
    assert done.returncode == 0


def test_only_the_worker_and_training_import_a_model_file(root: Path) -> None:
    users = {path.stem for path in (root / "utils").glob("*.py") if "network" in _imports(path)}
    assert users == {"worker", "training"}
