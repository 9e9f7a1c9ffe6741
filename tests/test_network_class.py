"""The network of a model file among what else the file defines."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from esr.base.errors import UserError
from esr.measure.loading.network import build, import_model, load
from esr.submissions.sidecar import Sidecar
from esr.submissions.submission import Submission

NET = """
import abc, dataclasses, enum
from typing import NamedTuple, Protocol, TypedDict
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3)

    def forward(self, x):
        return self.conv(x)

class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.body = Block(width)

    def forward(self, x):
        return self.body(x)
"""

OTHER = """
class Large(nn.Module):
    def forward(self, x):
        return x
"""


def _build(tmp_path: Path, source: str, **sidecar: object) -> nn.Module:
    path = tmp_path / "models" / "team07_Net.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(NET + source)
    return build(import_model(path), Submission(7, "Net", path, None, Sidecar(**sidecar)))


HELPER = """
class Helper(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return x * self.scale
"""


def test_a_checkpoint_of_another_class_names_the_class(tmp_path: Path) -> None:
    helper = _build(tmp_path, HELPER)
    assert type(helper).__name__ == "Helper"
    net = _build(tmp_path, HELPER, arch="Net")
    torch.save(net.state_dict(), tmp_path / "net.pth")
    torch.save({"other": torch.ones(1)}, tmp_path / "none.pth")
    with pytest.raises(UserError) as of_net:
        load(helper, tmp_path / "net.pth", strict=True)
    assert of_net.value.remedy.endswith(
        'the keys are those of Net: set arch = "Net" in team07_Net.toml'
    )
    with pytest.raises(UserError) as of_none:
        load(helper, tmp_path / "none.pth", strict=True)
    assert "class Helper was taken; others: Net" in of_none.value.remedy
    with pytest.raises(UserError) as told:
        load(helper, tmp_path / "none.pth", strict=False)
    assert "others: Net" in told.value.remedy


AFTER = {
    "a NamedTuple": "class Out(NamedTuple):\n    a: int\n",
    "a dataclass": "@dataclasses.dataclass\nclass Options:\n    depth: int\n",
    "a helper": "class Timer:\n    def __init__(self, name): ...\n",
    "an enumeration": "class Mode(enum.Enum):\n    TRAIN = 1\n",
    "an exception": "class TooSmall(ValueError): ...\n",
    "a protocol": "class HasScale(Protocol):\n    scale: int\n",
    "a typed dictionary": "class Config(TypedDict):\n    depth: int\n",
    "a function with a gradient": "class Round(torch.autograd.Function): ...\n",
    "a block that needs its width": "class Tail(nn.Module):\n    def __init__(self, width): ...\n",
    "an abstract network": "class Base(nn.Module, abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\n",
    "a loss": "class Loss(nn.Module):\n    def forward(self, sr, hr):\n        return (sr - hr).abs().mean()\n",
    "a class that would not be built": "class Bomb:\n    def __init__(self):\n        raise SystemExit\n",
    "one within if": "if True:\n    class Out(NamedTuple):\n        a: int\n",
    "several": "class Out(NamedTuple):\n    a: int\nclass Mode(enum.Enum):\n    TRAIN = 1\n",
}  # fmt: skip


@pytest.mark.parametrize("what", AFTER)
def test_the_network_before_what_is_none_is_chosen(tmp_path: Path, what: str) -> None:
    assert type(_build(tmp_path, AFTER[what])).__name__ == "Net"


@pytest.mark.parametrize(
    ("source", "chosen"),
    [
        ("", "Net"),
        # The convention: the last class, if it is a network that can be built, whatever is before.
        (OTHER, "Large"),
        ("class Small(Net):\n    def __init__(self):\n        super().__init__(2)\n", "Small"),
        ("try:\n    class Inner(nn.Module): ...\nexcept ImportError:\n    pass\n", "Inner"),
        # Forward is set when it is built: what it takes is not known before.
        ("class Late(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
         "        self.forward = self.run\n    def run(self, x):\n        return x\n", "Late"),
        # A part with defaults is no network of its own: Net2 is made of it.
        ("class Part(nn.Module):\n    def __init__(self, n=2):\n        super().__init__()\n"
         "class Net2(Net):\n    def __init__(self):\n        super().__init__()\n"
         "        self.part, self.net = Part(), Net()\nclass Out(NamedTuple):\n    a: int\n", "Net2"),
    ],
)  # fmt: skip
def test_the_convention_holds(tmp_path: Path, source: str, chosen: str) -> None:
    assert type(_build(tmp_path, source)).__name__ == chosen


def test_kwargs_decide_what_can_be_built(tmp_path: Path) -> None:
    after = "class Out(NamedTuple):\n    a: int\n"
    assert _build(tmp_path, OTHER + after, kwargs={"width": 6}).body.conv.in_channels == 6


def test_several_that_could_be_meant_are_named_with_arch(tmp_path: Path) -> None:
    source = OTHER + "class Out(NamedTuple):\n    a: int\n"
    says = r'has several networks: Net, Large; name the network with arch = "\.\.\." in team07_Net'
    with pytest.raises(UserError, match=says):
        _build(tmp_path, source)
    assert type(_build(tmp_path, source, arch="Net")).__name__ == "Net"
    with pytest.raises(UserError, match=r"class 'Out' is no torch\.nn\.Module; name the network"):
        _build(tmp_path, source, arch="Out")
    with pytest.raises(UserError, match="has no class 'Nat'"):
        _build(tmp_path, source, arch="Nat")


def test_one_that_cannot_be_built_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="'depth'"):
        _build(
            tmp_path,
            "del Net\nclass Deep(nn.Module):\n    def __init__(self, depth): ...\n"
            "class Out(NamedTuple):\n    a: int\n",
        )
