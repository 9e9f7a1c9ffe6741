"""`select_model` and the loop in every style, read without running them."""

from __future__ import annotations

import ast
import textwrap

import pytest

from esr.base.errors import UserError
from esr.submissions.clone.control_flow import functions
from esr.submissions.clone.discover_clone import discover_clone
from esr.submissions.clone.needed_source import needed
from esr.submissions.clone.select_model_branches import Branch, branches
from esr.submissions.clone_session.clone_calls import forward_call
from esr.submissions.submission import Broken, CloneSubmission

RETURN = "    return model, name, data_range, tile\n"


def _read(body: str, before: str = "", tail: str = RETURN) -> dict[int, Branch]:
    source = f"{before}\ndef select_model(args, device):\n{textwrap.indent(body, '    ')}{tail}"
    tree = ast.parse(source)
    return {branch.model_id: branch for branch in branches(tree, functions(tree)["select_model"])}


LADDERS = {
    "if and elif": """
model_id = args.model_id
if model_id == 1:
    name, data_range = f"{model_id:02}_A", 1.0
    model = A()
elif model_id == -2:
    name = f"{model_id:02}_B"
    model = B()
else:
    raise NotImplementedError(f"Model {model_id} is not implemented.")
""",
    "separate ifs, the attribute itself": """
if args.model_id == 1:
    name = "01_A"
    model = A()
if args.model_id == -2:
    name = "-2_B"
    model = B()
""",
    "nested, with sets": """
number = int(args.model_id)
if number in (1, -2):
    model = make(number)
    if number == 1:
        name = '%02d_A' % number
    else:
        name = str(number) + '_B'
else:
    raise ValueError
""",
    "match": """
match args.model_id:
    case 1:
        model, name = A(), "{:02}_A".format(args.model_id)
    case -2:
        model, name = B(), "-2_B"
    case _:
        raise ValueError
""",
    "conditional expression": """
model_id = args.model_id
if model_id not in [1, -2]:
    raise ValueError
name = f"{model_id:02}_A" if model_id == 1 else "-2_B"
model = make(model_id)
""",
    "ranges and comparisons": """
model_id = args.model_id
if model_id < 0:
    if -2 == model_id:
        name, model = "-2_B", B()
    else:
        raise ValueError
elif model_id in range(1, 2) or model_id == 1:
    name, model = "01_A", A()
else:
    raise ValueError
""",
}


@pytest.mark.parametrize("body", LADDERS.values(), ids=LADDERS)
def test_ids_and_names_are_read_in_every_style(body: str) -> None:
    found = _read(body)
    assert {number: branch.name for number, branch in found.items()} == {1: "01_A", -2: "-2_B"}
    assert {branch.problem for branch in found.values()} == {""}


def test_a_table_of_models_is_a_ladder_too() -> None:
    found = _read(
        "name, model = f'{args.model_id:02}_X', MODELS[args.model_id]()\n",
        before="MODELS = {3: make_a, 12: make_b}",
    )
    assert {number: branch.name for number, branch in found.items()} == {3: "03_X", 12: "12_X"}


@pytest.mark.parametrize(
    ("arm", "problem"),
    [
        ("pass", "is empty"),
        ("'''Express Team'''\n    pass", "is empty"),
        ("...", "is empty"),
        ("raise NotImplementedError('withdrawn')", "only raises an error"),
        ("name, data_range = '05_X', 1.0", "builds no network"),
    ],
)
def test_a_branch_without_a_network_is_no_submission(arm: str, problem: str) -> None:
    body = f"if args.model_id == 5:\n    {arm}\nelse:\n    raise ValueError\nmodel = model.to(device)\n"
    assert problem in _read(body)[5].problem


def test_a_ladder_of_a_thousand_rungs_is_read() -> None:
    rungs = "".join(f"elif m == {i}:\n    model, name = A(), '{i}'\n" for i in range(1, 1000))
    found = _read(f"m = args.model_id\nif m == 0:\n    model, name = A(), '0'\n{rungs}")
    assert len(found) == 1000
    assert found[999].name == "999"


def test_an_id_that_is_named_in_passing_is_none() -> None:
    body = "if args.model_id == 5:\n    model, name = A(), 'a'\nelse:\n    raise ValueError\n"
    body += "tile = 256 if args.model_id == 99 else None\n"
    assert list(_read(body)) == [5]


def test_a_name_that_would_have_to_be_run_is_left_to_a_fallback() -> None:
    body = "if args.model_id == 5:\n    from models.team05_x import Net\n    model, name = Net(), make()\n"
    branch = _read(body)[5]
    assert (branch.name, branch.imported) == (None, "Net")


@pytest.mark.parametrize(
    "name",
    [
        "f'{args.model_id:999999999}'",
        "'%999999999d' % args.model_id",
        "'{:{}}'.format(1, 999999999)",
    ],
)
def test_a_name_as_large_as_memory_is_not_made(name: str) -> None:
    assert _read(f"if args.model_id == 5:\n    model, name = A(), {name}\n")[5].name is None


def test_labels_are_names_of_files_and_unlike_each_other(tmp_path) -> None:
    arms = {1: "'../../etc/passwd'", 2: "'Same'", 3: "'Same'", 4: "'a b\\n'"}
    body = "".join(
        f"    if args.model_id == {i}:\n        model, name = A(), {n}\n" for i, n in arms.items()
    )
    (tmp_path / "test_demo.py").write_text(f"def select_model(args, device):\n{body}{RETURN}")
    labels = [entry.label for entry in discover_clone(tmp_path)]
    assert labels == ["_.._etc_passwd", "02_Same", "03_Same", "a_b_"]
    assert all(isinstance(entry, CloneSubmission) for entry in discover_clone(tmp_path))


def test_an_empty_branch_is_a_row_with_its_reason(tmp_path) -> None:
    source = f"def select_model(args, device):\n    if args.model_id == 7:\n        pass\n{RETURN}"
    (tmp_path / "test_demo.py").write_text(source)
    (entry,) = discover_clone(tmp_path)
    assert isinstance(entry, Broken)
    assert entry.reason == "no submission: its branch in select_model is empty"


@pytest.mark.parametrize("content", [b"\0", b"\xff\xfe", b"(" * 5000, b"x = '"])
def test_a_script_that_is_no_python_costs_one_line(tmp_path, content: bytes) -> None:
    (tmp_path / "test_demo.py").write_bytes(content)
    with pytest.raises(UserError, match="is no Python"):
        discover_clone(tmp_path)


SCRIPT = """
from __future__ import annotations
import sys, os, json
import missing_a
import numpy as np, missing_b
from torch import nn, load as torch_load
sys.path.append(os.path.join(os.path.dirname(__file__), "extra"))
try:
    import fast
except ImportError:
    fast = None
LIMIT = 3
WIDTH = LIMIT * 2
missing_a.set_up()


class Base(nn.Module):
    pass


def helper(a, missing_a=WIDTH):
    args = a
    return Base, fast


def select_model(args, device):
    def inner():
        return helper(np.zeros(1))
    json = 1
    return inner()


def main(args):
    return missing_b, select_model(args, None)


if __name__ == "__main__":
    args = missing_a.parse()
    main(args)
"""


def test_only_what_a_function_needs_is_left_of_a_script() -> None:
    left = ast.unparse(needed(SCRIPT, ast.parse(SCRIPT), {"select_model"}))
    lines = left.splitlines()
    assert "import numpy as np" in lines
    assert "import sys, os" in lines
    assert "from torch import nn" in lines
    assert {"class Base(nn.Module):", "WIDTH = LIMIT * 2", "LIMIT = 3", "import fast"} <= {
        line.strip() for line in lines
    }
    assert "missing_b" not in left
    assert "import missing_a" not in left
    assert "main" not in left


def test_what_is_left_of_a_script_keeps_its_lines() -> None:
    left = needed(SCRIPT, ast.parse(SCRIPT), {"helper"})
    function = next(node for node in left.body if isinstance(node, ast.FunctionDef))
    assert SCRIPT.splitlines()[function.lineno - 1].startswith("def helper")


LOOP = """
def forward(img_lq, model, tile=None):
    return model(img_lq)


def forward_padded(img_lq, model, tile=None, factor=1):
    return model(img_lq)


def run(model, model_name, data_range, tile, logger, device, args, mode="test"):
    sf = 4
    for lr, hr in paths:
        lr = load(lr).to(device)
        if args.model_id == 34:
            sr = forward_padded(lr, model, tile, factor=sf)
        elif args.model_id == 35:
            lr = lr.half()
            sr = model(lr)
        else:
            sr = forward(lr, model, tile)
        flops = count(model, lr)
        psnr = score(sr, hr)
"""


def test_the_call_of_the_loop_is_read_for_each_id() -> None:
    tree = ast.parse(LOOP)
    calls = {number: forward_call(tree, number) for number in (0, 34, 35)}
    assert {number: ast.unparse(call.call) for number, call in calls.items()} == {
        0: "forward(lr, model, tile)",
        34: "forward_padded(lr, model, tile, factor=sf)",
        35: "model(lr)",
    }
    assert {call.image for call in calls.values()} == {"lr"}
    assert calls[34].names == {"sf": 4}
    assert [calls[number].further for number in (0, 34, 35)] == [(), (), ("lr = lr.half()",)]


def test_a_script_without_a_loop_is_restored_by_our_rules() -> None:
    assert forward_call(ast.parse("def select_model(args, device): pass"), 1) is None


def test_a_label_is_no_longer_than_a_file_name(tmp_path) -> None:
    arm = f"    if args.model_id == 5:\n        model, name = A(), '{'超' * 200}\\ud800'\n"
    (tmp_path / "test_demo.py").write_text(f"def select_model(args, device):\n{arm}{RETURN}")
    (entry,) = discover_clone(tmp_path)
    assert set(entry.label) == {"超"}
    assert 80 < len(entry.label.encode()) <= 100
