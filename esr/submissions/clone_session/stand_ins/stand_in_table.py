"""Which file answers for which module of an absent package."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

_FOLDER = __name__.rpartition(".")[0]
_FILES = (
    "timm_layers",
    "basicsr_registry",
    "basicsr_arch_util",
    "hub_mixin",
    "mmcv_conv_module",
    "functional_tensor",
    "selective_scan",
    "mamba_block",
)

MOVED: Mapping[str, str] = {
    "timm.models.layers": "timm.layers",
    "timm.models.registry": "timm.models._registry",
    "timm.models.fx_features": "timm.models._features_fx",
    "timm.models.features": "timm.models._features",
    "timm.models.hub": "timm.models._hub",
    "torchvision.transforms.functional_tensor": "torchvision.transforms._functional_tensor",
    "torchvision.models.utils": "torch.hub",
}
"""Modules that newer versions of a package have under another name: old name to new one.

Sources: timm's notes on release 0.9 (`timm.models.layers` became `timm.layers`, the others got an
underscore); torchvision's notes on 0.17 and on 0.13 (`load_state_dict_from_url` is `torch.hub`'s).
"""

NEVER = ("mamba_ssm.ops.triton",)
"""Modules that cannot be had without a GPU: importing them fails, as with the real package there.

A clone that has another way for that takes it.
"""


def stand_in_for(module: str, name: str) -> object | None:
    """Find what stands in for a name of a module; None if nothing does."""
    for file in _files():
        if any(module == each or module.startswith(f"{each}.") for each in file.REPLACES):
            names: Mapping[str, object] = file.NAMES
            if name in names:
                return names[name]
    return None


def leads_to_stand_ins(module: str) -> bool:
    """Tell whether stand-ins are found in a module or below it."""
    return any(f"{each}.".startswith(f"{module}.") for file in _files() for each in file.REPLACES)


def moved_to(module: str) -> str | None:
    """Name the module that an old name stands for today; None if it was not moved."""
    for old, new in MOVED.items():
        if module == old or module.startswith(f"{old}."):
            return new + module[len(old) :]
    return None


@cache
def _files() -> Sequence[Any]:
    return [importlib.import_module(f"{_FOLDER}.{file}") for file in _FILES]
