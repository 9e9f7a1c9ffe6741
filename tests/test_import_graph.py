"""What may be imported where: PyTorch only in the worker, and no room looks to its right."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest
from harness import run_program

_ROOM = re.compile(r"^    (\w+)/ ")
"""A line of the map in `esr/__init__.py`: a room, then what it holds."""


def _rooms(root: Path) -> list[str]:
    """The rooms in the order of the map."""
    lines = (root / "esr" / "__init__.py").read_text().splitlines()
    return [match[1] for line in lines if (match := _ROOM.match(line))]


def _modules(root: Path) -> dict[str, Path]:
    """Every module of `esr` by its dotted name; a package is its `__init__.py`."""
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (root / "esr").rglob("*.py")
    }


def _imports(path: Path, modules: set[str]) -> set[str]:
    """Names of the modules of `esr` that a file imports at any depth."""
    named = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            named |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
    return named & modules


def _room(module: str) -> str:
    return module.split(".")[1]


def test_every_room_is_on_the_map_and_nothing_is_loose_beside_them(root: Path) -> None:
    top = root / "esr"
    rooms = _rooms(root)
    assert sorted(rooms) == sorted(path.parent.name for path in top.glob("*/__init__.py"))
    assert {path.name for path in top.glob("*.py")} == {"__init__.py", "__main__.py"}
    assert len(rooms) <= 13


def test_no_room_imports_a_later_one(root: Path) -> None:
    rooms, modules = _rooms(root), _modules(root)
    backwards = [
        f"{name} imports {other}"
        for name, path in modules.items()
        if name not in ("esr", "esr.__main__")
        for other in _imports(path, set(modules) - {"esr"})
        if rooms.index(_room(other)) > rooms.index(_room(name))
    ]
    assert backwards == []


def test_no_module_imports_itself_by_way_of_others(root: Path) -> None:
    modules = _modules(root)
    # A package imports nothing of its own, so that only modules can form a circle.
    left = {name: _imports(path, set(modules)) - {name} for name, path in modules.items()}
    while free := {name for name, others in left.items() if not others & left.keys()}:
        left = {name: others for name, others in left.items() if name not in free}
    assert left == {}


def test_the_program_never_imports_the_official_path(root: Path) -> None:
    official = {"utils", "utils.utils_image", "utils.utils_logger", "utils.model_summary"}
    assert [path for path in _modules(root).values() if _imports(path, official)] == []


def test_no_two_modules_and_no_two_public_classes_share_a_name(root: Path) -> None:
    modules, classes = defaultdict(list), defaultdict(list)
    for name, path in _modules(root).items():
        modules[name.split(".")[-1]].append(name)
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                classes[node.name].append(name)
    several = [names for names in (*modules.values(), *classes.values()) if len(names) > 1]
    # Packages that are run have one each, by Python's rule.
    assert [names for names in several if not names[0].endswith("__main__")] == []


@pytest.mark.parametrize("arguments", [["--help"], ["--list"], ["--model_id", "12345"]])
def test_answers_that_measure_nothing_come_without_torch_and_pandas(arguments: list[str]) -> None:
    program = (
        "import sys, runpy\n"
        f"sys.argv = ['test_demo.py', *{arguments}]\n"
        "try:\n    runpy.run_path('test_demo.py', run_name='__main__')\n"
        "except SystemExit:\n    pass\n"
        "sys.exit(' '.join({'torch', 'pandas', 'fvcore', 'thop'} & set(sys.modules)) or 0)\n"
    )
    run_program(program)


def test_scoring_ranking_and_reporting_come_without_torch() -> None:
    program = (
        "import sys, esr.evaluate.serial_engine, esr.records.results_folder, esr.tools.leaderboard;"
        " sys.exit('torch' in sys.modules)"
    )
    run_program(program)


def test_only_the_worker_training_and_the_page_of_counts_import_a_model_file(root: Path) -> None:
    users = {
        name
        for name, path in _modules(root).items()
        if _imports(path, {"esr.measure.loading.network"})
    }
    assert users == {
        "esr.evaluate.worker.build_network",
        "esr.tools.pages.factsheets_page",
        "esr.tools.train.training_network",
    }


def test_only_the_table_of_scores_knows_a_challenge_by_name(root: Path) -> None:
    modules = _modules(root)
    theirs = {name for name in modules if name.startswith("esr.challenge.rtsr.")}
    users = {name for name, path in modules.items() if _imports(path, theirs)}
    assert users - theirs == {"esr.rank.scores"}
