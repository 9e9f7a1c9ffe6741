"""What may be imported where: PyTorch only in the worker, and nothing looks to its right."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

LINE = [
    "errors",
    "escape",
    "jsonfile",
    "utils_logger",
    "console",
    "download",
    "parallel",
    "resample",
    "plain_png",
    "color",
    "ssim",
    "image_file",
    "utils_image",
    "metrics",
    "protocol",
    "sidecar",
    "submission",
    "zoo",
    "dataset",
    "options",
    "conditions",
    "observed",
    "record",
    "job",
    "staging",
    "judge",
    "crops",
    "provenance",
    "bootstrap",
    "complexity_audit",
    "snapshot",
    "model_summary",
    "side_path",
    "dispatch_count",
    "observation",
    "complexity",
    "layers",
    "timing",
    "device",
    "machine",
    "network",
    "restore",
    "tamper",
    "opwatch",
    "nvml",
    "bench",
    "caching",
    "robust",
    "evidence",
    "audit",
    "worker",
    "leakage",
    "recipe",
    "training_report",
    "training_data",
    "training_set",
    "training_network",
    "objective",
    "training",
    "training_run",
    "training_summary",
    "isolation",
    "progress",
    "interleave",
    "evaluation",
    "official_results",
    "row",
    "store",
    "run_log",
    "gate",
    "scores",
    "entrants",
    "baseline",
    "ranking",
    "claims",
    "placing",
    "column",
    "ranking_columns",
    "timing_columns",
    "columns",
    "remarks",
    "board",
    "sheet",
    "table_csv",
    "table_markdown",
    "latex_text",
    "table_latex",
    "html_table",
    "html_bubbles",
    "html_charts",
    "html_parts",
    "report_html",
    "formats",
    "noise",
    "facts",
    "difference",
    "circumstances",
    "comparison",
    "table_comparison",
    "report_comparison",
    "terminal",
    "layer_table",
    "report",
    "leaderboard",
]
"""The order of `utils/__init__.py`: a module imports only those before it."""


def _imports(path: Path) -> set[str]:
    """Names of the modules of `utils` that a file imports at any depth."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            root, _, rest = node.module.partition(".")
            if root == "utils":
                found |= {rest.split(".")[0]} if rest else {alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            found |= {parts[1] for parts in names if parts[0] == "utils" and len(parts) > 1}
    return found


def test_no_module_imports_one_further_right(root: Path) -> None:
    imports = {name: _imports(root / "utils" / f"{name}.py") for name in LINE}
    backwards = [
        f"{name} imports {other}"
        for name, others in imports.items()
        for other in others
        if LINE.index(other) >= LINE.index(name)
    ]
    assert backwards == []


def test_every_module_stands_on_the_line_and_on_the_map(root: Path) -> None:
    modules = {path.stem for path in (root / "utils").glob("*.py")} - {"__init__"}
    assert modules == set(LINE)
    listed = re.split(r"[\s,]+", (root / "utils" / "__init__.py").read_text())
    positions = [listed.index(name) for name in LINE]
    assert positions == sorted(positions)


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
    program = "import sys, utils.evaluation, utils.store, utils.leaderboard; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=root, timeout=120)
    assert done.returncode == 0


def test_only_the_worker_and_training_import_a_model_file(root: Path) -> None:
    users = {path.stem for path in (root / "utils").glob("*.py") if "network" in _imports(path)}
    assert users == {"worker", "training_network"}
