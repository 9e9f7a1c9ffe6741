"""What ../shared/networks knows of the networks: golden arrays, facts, and maps inside a network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

Side = Literal["input", "output"]


def arrays(shared: Path, name: str) -> dict[str, Any]:
    """Read a golden file."""
    with np.load(shared / "networks" / "golden" / f"{name}.npz") as file:
        return dict(file)


def facts(shared: Path, name: str) -> dict[str, Any]:
    """Read a file of facts."""
    file = shared / "networks" / f"facts_{name}.json"
    return json.loads(file.read_text(encoding="utf-8"))


def maps(
    network: nn.Module, places: Mapping[str, tuple[str, Side]], lr: np.ndarray
) -> dict[str, Tensor]:
    """Run a network and keep the first input or the output of some of its modules."""
    seen: dict[str, Tensor] = {}

    def keep(key: str, side: Side) -> Any:
        def hook(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
            seen[key] = inputs[0] if side == "input" else output

        return hook

    for key, (name, side) in places.items():
        network.get_submodule(name).register_forward_hook(keep(key, side))
    network(torch.from_numpy(lr))
    return seen
