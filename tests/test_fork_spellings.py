"""Spellings of `select_model` and of the loop that no official repository had up to 2024.

Each is written here as a team may write it; what has to come out is said beside it.
"""

from __future__ import annotations

import ast
import sys
import textwrap
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from harness import nearest_state, tiny

from esr.base.errors import UserError
from esr.submissions.clone.clone_files import copy_clone
from esr.submissions.clone.discover_clone import discover_clone
from esr.submissions.clone.needed_source import needed
from esr.submissions.clone_session.clone_calls import forward_call, script_arguments
from esr.submissions.clone_session.clone_world import in_place
from esr.submissions.clone_session.cuda_on_cpu import Redirection, is_needed
from esr.submissions.clone_session.safe_load import SafeLoad, absent
from esr.submissions.clone_session.session import Session
from esr.submissions.submission import CloneSubmission, Entry, Submission


@pytest.fixture(autouse=True)
def nobodys_models() -> Iterator[None]:
    """A worker has imported nobody's `models` before; here another test may have."""
    before = _take_models()
    yield
    _take_models()
    sys.modules.update(before)


def _take_models() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.partition(".")[0] in ("models", "utils")]
    return {name: sys.modules.pop(name) for name in names}


BUILD = """
import argparse
import enum
import torch

def build(number, device):
    import importlib
    net = importlib.import_module(f"models.team{number:02d}_net").Tiny()
    net.load_state_dict(torch.load(f"model_zoo/team{number:02d}.pth"))
    return net.to(device)
"""

IN_LADDER = """
def select_model(args, device):
    {number} = {id}
    if number == {one}:
        return build(1, device), "01_One", 1.0, None
    elif number in [{three}]:
        return build(3, device), "03_Three", 1.0, None
    raise ValueError(number)
"""


def _ladder(number: str = "number", id_: str = "args.model_id", one: str = "1", three: str = "3"):
    fields = {"number": number, "id": id_, "one": one, "three": three}
    return BUILD + IN_LADDER.format(**fields)


IN_TABLE = """
def select_model(args, device):
    name = MODELS[args.model_id]
    return build(args.model_id, device), name, 1.0, None
"""

STYLES = {
    "an annotated name": _ladder("number: int"),
    "an attribute by its name": _ladder(id_='getattr(args, "model_id", 0)'),
    "a name of a name": _ladder("number, _", "(model_id := args.model_id), 4"),
    "texts": _ladder(one='"01"', three='"3"'),
    "an enumeration": "import enum\nclass Team(enum.IntEnum):\n    ONE = 1\n    THREE = 3\n"
    + _ladder(one="Team.ONE", three="Team.THREE"),
    "a walrus": BUILD
    + """
def select_model(args, device):
    if (number := args.model_id) == 1:
        model, name = build(1, device), f"{number:02}_One"
    elif number == 3:
        model, name = build(3, device), f"{number:02}_Three"
    else:
        raise ValueError
    return model, name, 1.0, None
""",
    "captured patterns": BUILD
    + """
def select_model(args, device):
    match args.model_id:
        case 1 as number:
            name = f"{number:02}_One"
        case number if number == 3:
            name = f"{number:02}_Three"
        case _:
            raise ValueError
    return build(args.model_id, device), name, 1.0, None
""",
    "a table inside": BUILD
    + """
def select_model(args, device):
    models = {1: ("01_One", lambda: build(1, device)), 3: ("03_Three", lambda: build(3, device))}
    name, make = models[args.model_id]
    return make(), name, 1.0, None
""",
    "a table by texts": BUILD
    + """
NAMES = {"team01": "01_One", "team03": "03_Three"}
def select_model(args, device):
    return build(args.model_id, device), NAMES[f"team{args.model_id:02d}"], 1.0, None
""",
    "a table filled later": BUILD
    + "MODELS = {}\nMODELS[1] = '01_One'\nMODELS.update({3: '03_Three'})\n"
    + IN_TABLE,
    "a table of a table": BUILD
    + "FIRST = {1: '01_One'}\nMODELS = {**FIRST, 3: '03_Three'}\n"
    + IN_TABLE,
}


def write(clone: Path, script: str, encoding: str = "utf-8") -> Path:
    """Write a clone with the submissions 1 and 3."""
    for folder in ("models", "model_zoo"):
        (clone / folder).mkdir(parents=True)
    (clone / "models" / "__init__.py").touch()
    (clone / "test_demo.py").write_text(script, encoding=encoding)
    for number in (1, 3):
        (clone / "models" / f"team{number:02}_net.py").write_text(tiny())
        torch.save(nearest_state(), clone / "model_zoo" / f"team{number:02}.pth")
    return clone


def build(entry: Entry) -> Session:
    """Do as the worker does."""
    assert isinstance(entry, CloneSubmission)
    session = Session(entry, lambda _: None, trusted=False)
    with session.opened():
        selected = session.select(torch.device("cpu"))
        image = torch.rand(1, 3, 8, 8)
        assert selected.network(image).shape == (1, 3, 32, 32)
    return session


@pytest.mark.parametrize("script", STYLES.values(), ids=STYLES)
def test_every_id_is_found_named_and_built(tmp_path: Path, script: str) -> None:
    entries = discover_clone(write(tmp_path / "clone", script))
    assert {entry.model_id: entry.label for entry in entries} == {1: "01_One", 3: "03_Three"}
    for entry in entries:
        assert build(entry).facts().name == entry.label


TABLES = {
    "decorators": """
REGISTRY = {}
def register(number, name):
    def enter(function):
        REGISTRY[number] = function, name
        return function
    return enter

@register(1, "01_One")
def one(device):
    return build(1, device)

@register(number=3, name="03_Three")
def three(device):
    return build(3, device)

def select_model(args, device):
    if args.model_id not in REGISTRY:
        raise ValueError
    make, name = REGISTRY[args.model_id]
    return make(device), name, 1.0, None
""",
    "functions by their names": """
def build_01(device): return build(1, device), "01_One"
def build_03(device): return build(3, device), "03_Three"
def select_model(args, device):
    model, name = globals()[f"build_{args.model_id:02}"](device)
    return model, name, 1.0, None
""",
    "modules by their names": """
def select_model(args, device):
    import glob, importlib
    number = args.model_id
    file = glob.glob(f"models/team{number:02d}_*.py")[0]
    importlib.import_module(file[:-3].replace("/", "."))
    return build(number, device), {1: "01_One", 3: "03_Three"}.get(number), 1.0, None
""",
    "handed on": """
def pick(number, device, /):
    if number == 1:
        return build(1, device), "01_One"
    if number == 3:
        return build(3, device), "03_Three"
    raise ValueError

def select_model(args, device, logger):
    logger.info("picking")
    return *pick(args.model_id, device), 1.0, None
""",
}


@pytest.mark.parametrize("script", TABLES.values(), ids=TABLES)
def test_names_that_only_running_tells_hide_no_id(tmp_path: Path, script: str) -> None:
    clone = write(tmp_path / "clone", BUILD + script)
    (clone / "models" / "parts.py").touch()
    entries = discover_clone(clone)
    assert [entry.model_id for entry in entries] == [1, 3]
    assert [build(entry).facts().name for entry in entries] == ["01_One", "03_Three"]


def test_files_in_models_are_no_ids_beside_a_ladder(tmp_path: Path) -> None:
    clone = write(tmp_path / "clone", _ladder(three="1"))
    assert [entry.model_id for entry in discover_clone(clone)] == [1]


def test_a_ladder_that_ends_in_modules_by_their_names_knows_them_too(tmp_path: Path) -> None:
    script = """
def select_model(args, device):
    if args.model_id == 1:
        return build(1, device), "01_One", 1.0, None
    import importlib
    module = importlib.import_module(f"models.team{args.model_id:02}_net")
    return build(args.model_id, device), f"{args.model_id:02}_Three", 1.0, None
"""
    entries = discover_clone(write(tmp_path / "clone", BUILD + script))
    assert [entry.label for entry in entries] == ["01_One", "03_Three"]


@pytest.mark.parametrize("statement", ["from models.zoo import", "from models import"])
def test_select_model_may_stand_in_another_file(tmp_path: Path, statement: str) -> None:
    clone = write(tmp_path / "clone", f"{statement} pick as select_model\n")
    (clone / "models" / "__init__.py").write_text("from .zoo import pick\n")
    (clone / "models" / "zoo.py").write_text(_ladder().replace("select_model", "pick"))
    entries = discover_clone(clone)
    assert [entry.label for entry in entries] == ["01_One", "03_Three"]
    assert not any(isinstance(entry, Submission) for entry in entries)
    assert build(entries[0]).facts().name == "01_One"


def test_a_script_says_itself_how_it_is_encoded(tmp_path: Path) -> None:
    script = "# -*- coding: gbk -*-\n# 超分\n" + _ladder()
    entries = discover_clone(write(tmp_path / "clone", script, "gbk"))
    assert build(entries[0]).facts().name == "01_One"


@pytest.mark.parametrize(
    "arm",
    [
        "from models.team01_net import Tiny as model\n        model = model()",
        "(model := build(1, device)).load_state_dict(torch.load('model_zoo/team01.pth'))",
        "with torch.no_grad(), make(device) as model: pass",
        "for model in [build(1, device)]: pass",
    ],
)
def test_a_network_may_be_made_without_an_assignment(tmp_path: Path, arm: str) -> None:
    script = f"""
def select_model(args, device):
    if args.model_id == 1:
        {arm}
    return model, "01_One", 1.0, None
"""
    (entry,) = discover_clone(write(tmp_path / "clone", BUILD + script))
    assert isinstance(entry, CloneSubmission)


@pytest.mark.parametrize(
    "naming",
    [
        'if torch.cuda.is_available():\n        name = "a"\n    else:\n        name = "b"',
        'try:\n        name = "a"\n        read()\n    except OSError:\n        name = "b"',
        'name = "a"\n    for each in find():\n        name = "b"',
        'name = "a"\n    if find():\n        name = find()',
        'name = "a"\n    name, width = find()',
    ],
)
def test_a_name_that_depends_on_what_is_found_is_not_guessed(tmp_path: Path, naming: str) -> None:
    script = f"""
def select_model(args, device):
    assert args.model_id == 1
    model = build(1, device)
    {naming}
    return model, name, 1.0, None
"""
    (entry,) = discover_clone(write(tmp_path / "clone", BUILD + script))
    assert (entry.name, entry.label) == (None, "01_net")


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ('f"model_zoo/team{model_id:02}.pth"', ("model_zoo/team01.pth",)),
        ('"model_zoo/team" + "%02d" % model_id + ".pth"', ("model_zoo/team01.pth",)),
        ('"model_zoo/team{:02d}.pth".format(model_id)', ("model_zoo/team01.pth",)),
        ('Path("model_zoo") / "sub" / "a.pt"', ("model_zoo/sub/a.pt",)),
        ('osp.join(ROOT, "a.pth")', ("a.pth",)),
        ('Path(__file__).parent / "model_zoo" / "a.pth"', ("a.pth",)),
        ('f"{ROOT}/a.pth"', ("/a.pth",)),
        # What cannot be told is not said to be missing.
        ('f"{ROOT}_a.pth"', ()),
        ('ROOT + "_a.pth"', ()),
        ('glob(f"model_zoo/team{model_id:02}*.pth")[0]', ()),
        ('fetch("https://example.org/a.pth")', ()),
        ('archive.read("best.pth")', ()),
        ('path.replace(".ckpt", ".pth")', ()),
    ],
)
def test_checkpoints_are_named_as_far_as_they_can_be_told(
    tmp_path: Path, expression: str, named: tuple[str, ...]
) -> None:
    script = f"""
def select_model(args, device):
    model_id = args.model_id
    assert model_id == 1
    model = torch.load({expression})
    return model, "a", 1.0, None
"""
    (entry,) = discover_clone(write(tmp_path / "clone", script))
    assert entry.named == named


LOOP = """
import numpy as np
from torch.nn import functional as F
from utils.ensemble import forward_x8, get_model_flops
from utils import utils_image as util

def run(model, model_name, data_range, tile, logger, device, args, mode="test"):
    sf = 4
    if mode == "test":
        scale = 2
    else:
        scale = 4
    for img_lr, img_hr in paths:
        img_lr = load(img_lr)
        flops = get_model_flops(model, img_lr)
        {loop}
"""


@pytest.mark.parametrize(
    ("loop", "call"),
    [
        ("img_sr: Tensor = forward_x8(img_lr, model)", "forward_x8(img_lr, model)"),
        ("img_sr = util.forward_tiled(img_lr, model)", "util.forward_tiled(img_lr, model)"),
        ("img_sr = model.forward_chop(img_lr)", "model.forward_chop(img_lr)"),
        ("img_sr = model.test(img_lr, tile)", "model.test(img_lr, tile)"),
        ("img_sr = model(img_lr).clamp(0, 1)", "model(img_lr).clamp(0, 1)"),
        ("img_sr = model(img_lr)[0]", "model(img_lr)[0]"),
        ("img_sr = 1 - model(F.pad(img_lr, (0, sf)))", "1 - model(F.pad(img_lr, (0, sf)))"),
        # Neither what is not known here nor two steps are one call.
        ("img_sr = model(img_lr, scale)", None),
        ("mid = model.encode(img_lr)\n        img_sr = model.decode(mid)", None),
    ],
)
def test_the_call_of_a_loop_is_read_in_every_style(loop: str, call: str | None) -> None:
    found = forward_call(ast.parse(LOOP.format(loop=loop)), 1)
    assert (found and ast.unparse(found.call)) == call


def test_an_imported_forward_restores_the_image(tmp_path: Path) -> None:
    loop = LOOP.format(loop="img_sr = 1 - forward_x8(img_lr, model)").replace("import numpy", "")
    clone = write(tmp_path / "clone", loop.replace(" as np\n", "", 1) + _ladder())
    (clone / "utils").mkdir()
    (clone / "utils" / "ensemble.py").write_text(
        "def forward_x8(x, model):\n    return 2 * model(x)\n"
    )
    session = Session(discover_clone(clone)[0], lambda _: None, trusted=False)
    with session.opened():
        selected = session.select(torch.device("cpu"))
        image = torch.rand(1, 3, 8, 8)
        assert torch.equal(selected.forward(image), 1 - 2 * selected.network(image))


def test_what_fills_a_table_is_needed_with_it() -> None:
    source = """
import missing
TABLE, OTHER = {}, {}
TABLE[1] = one
OTHER[1] = missing.one
for number in range(3):
    TABLE[number] = number
enter(TABLE)
missing.set_up(OTHER)
def select_model(args, device):
    return TABLE
"""
    left = ast.unparse(needed(source, ast.parse(source), {"select_model"}))
    assert "TABLE[1] = one" in left
    assert "TABLE[number] = number" in left
    assert "missing" not in left.replace("missing.one", "")


@pytest.mark.parametrize(
    ("argument", "name", "default"),
    [
        ('"--width", default=WIDTH * 1, type=int', "width", None),
        ('"--width", default=WIDTH, type=int', "width", 48),
        ('"--width", default="48", type=int', "width", 48),
        ('"--up", dest="scale", default="4", type=float', "scale", 4.0),
        ('"--kind", default="small", type=str', "kind", "small"),
        ('"--root", default=os.path.join("model_zoo", "a")', "root", "model_zoo/a"),
    ],
)
def test_defaults_of_the_script_are_its_own(argument: str, name: str, default: object) -> None:
    tree = ast.parse(f"WIDTH = 48\nparser.add_argument({argument})\n")
    arguments = vars(script_arguments(tree, 1))
    assert arguments[name] == default
    assert set(arguments) == {name, "data_dir", "save_dir", "model_id"}


def test_weights_in_an_archive_are_copied(tmp_path: Path) -> None:
    clone = write(tmp_path / "clone", "")
    for file in ("model_zoo/team01.zip", "images.zip"):
        with zipfile.ZipFile(clone / file, "w") as archive:
            archive.writestr("a.pth", b"")
    copy_clone(clone, tmp_path / "copy")
    assert (tmp_path / "copy" / "model_zoo" / "team01.zip").is_file()
    assert not (tmp_path / "copy" / "images.zip").exists()


def test_safetensors_are_loaded_on_the_cpu_and_remembered(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    file = tmp_path / "team.safetensors"
    safetensors.save_file({"a": torch.ones(2)}, file)
    told: list[str] = []
    gate = SafeLoad(False, lambda _: None, told.append)
    with in_place(gate.patches()):
        state = safetensors.load_file(file, device="cuda")
    assert (state["a"].device.type, gate.files, told) == ("cpu", [file], ["safe_open"])


def _select(clone: Path, arm: str) -> Session:
    script = f"""
def select_model(args, device):
    assert args.model_id == 1
{textwrap.indent(textwrap.dedent(arm), "    ")}
    return model, "01_One", 1.0, None
"""
    (entry,) = discover_clone(write(clone, BUILD + script))
    return build(entry)


def test_a_team_may_have_another_checkpoint_for_the_case(tmp_path: Path) -> None:
    arm = """
    model = build(3, device)
    try:
        model.load_state_dict(torch.load("model_zoo/ema.pth"))
    except FileNotFoundError:
        model.load_state_dict(torch.load("model_zoo/team01.pth"))
    """
    checkpoints = _select(tmp_path / "clone", arm).facts().checkpoints
    assert checkpoints == ("model_zoo/team01.pth", "model_zoo/team03.pth")


def test_a_link_beside_a_checkpoint_that_is_absent_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model_zoo").mkdir()
    for name in ("team05_link.txt", "team06.txt", "README.txt"):
        Path("model_zoo", name).touch()
    assert "; model_zoo/team05_link.txt may say" in str(absent("model_zoo/team05.pth"))
    assert str(absent("model_zoo/team07.pth")).endswith("is not in the clone")
    assert str(absent("nowhere/team05.pth")).endswith("is not in the clone")


def test_a_download_that_fails_says_what_to_do(tmp_path: Path) -> None:
    arm = """
    import urllib.error

    def fetch():
        raise urllib.error.URLError("no name")

    model = fetch()
    """
    with pytest.raises(UserError, match=r"cannot be had here \(no name\); put its checkpoint"):
        _select(tmp_path / "clone", arm)


@pytest.mark.skipif(not is_needed(), reason="redirection is for machines without a GPU")
def test_a_compiler_that_asks_for_the_gpu_is_answered() -> None:
    # torch._inductor.codecache.CacheBase.get_system reads one of these two, whichever it is.
    with in_place(Redirection().patches()):
        properties = torch.cuda.get_device_properties(torch.cuda.current_device())
    assert (properties.name, properties.gcnArchName) == ("CPU", "CPU")
