"""Packages that a clone imports, that are not installed, and that it may or may not need."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch
from torch import nn

from esr.submissions.clone_session.absent_packages import AbsentPackages
from esr.submissions.clone_session.stand_ins.timm_layers import NAMES, DropPath, to_2tuple


@pytest.fixture
def packages() -> AbsentPackages:
    packages = AbsentPackages()
    assert packages.add(ModuleNotFoundError("no", name="no_such_package.parts"))
    return packages


def test_a_package_that_is_not_there_can_be_imported_and_named(packages: AbsentPackages) -> None:
    with packages.importable():
        parts = importlib.import_module("no_such_package.parts.more")
        assert parts.anything is not None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_package")


@pytest.mark.parametrize(
    "use",
    [
        lambda thing: thing(),
        lambda thing: thing.attribute,
        lambda thing: thing["key"],
        lambda thing: list(thing),
        lambda thing: exec("class Sub(thing): pass", {"thing": thing}),
    ],
)
def test_whoever_uses_it_is_told_what_is_missing(packages: AbsentPackages, use) -> None:
    with packages.importable():
        thing = importlib.import_module("no_such_package").Thing
        with pytest.raises(ModuleNotFoundError, match="needs the package no_such_package"):
            use(thing)


def test_what_is_installed_is_not_replaced(packages: AbsentPackages) -> None:
    assert not packages.add(ModuleNotFoundError("no", name="torch.no_such_module"))
    assert not packages.add(ModuleNotFoundError("no", name="email.no_such_module"))
    assert not packages.add(ModuleNotFoundError("no", name="no_such_package"))
    assert packages.names == {"no_such_package"}


def test_stand_ins_are_used_and_named() -> None:
    packages = AbsentPackages()
    packages.names.add("timm")
    with packages.importable():
        layers = importlib.import_module("timm.models.layers")
        assert layers.DropPath is DropPath
    assert packages.stand_ins == {"timm.models.layers.DropPath"}


def test_stand_ins_do_in_inference_what_they_are_known_for() -> None:
    x = torch.rand(2, 3)
    assert DropPath(0.5).eval()(x) is x
    with pytest.raises(RuntimeError, match="cannot be trained"):
        DropPath(0.5).train()(x)
    assert (to_2tuple(7), to_2tuple((3, 4)), to_2tuple([1, 2])) == ((7, 7), (3, 4), (1, 2))
    weights = NAMES["trunc_normal_"](torch.empty(10000), std=0.02)
    assert np.isclose(float(weights.std()), 0.02, rtol=0.05)
    assert not list(DropPath().parameters())
    assert isinstance(DropPath(), nn.Module)
