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

FLOAT32_OF_PEAK = 2e-5
"""What float32 may differ by, in proportion to the largest magnitude of the golden map."""
FLOAT64 = 1e-9
"""What float64 may differ by: the proof that it is the same function."""


def arrays(shared: Path, name: str) -> dict[str, Any]:
    """Read a golden file."""
    with np.load(shared / "networks" / "golden" / f"{name}.npz") as file:
        return dict(file)


def facts(shared: Path, name: str) -> dict[str, Any]:
    """Read a file of facts."""
    file = shared / "networks" / f"facts_{name}.json"
    return json.loads(file.read_text(encoding="utf-8"))


def assert_golden(actual: Tensor, expected: np.ndarray | Tensor, name: str = "") -> None:
    """Compare what a network made with a golden array: an output, or a map inside it.

    A golden array of float64 is met to `FLOAT64`, whatever machine computes: that proves that the
    function is the same one.

    One of float32 is met in proportion to its own largest magnitude. The kernels that a CPU gets
    differ by vendor and by instruction set in the order of their sums, hence in their rounding,
    and what rounding does grows with the numbers that are added up: an output that peaks at 423
    was 0.0029 off on an AMD EPYC, a map that peaks at 4911 was 0.0046 off, either below 1e-5 of
    its peak. A tolerance in levels would hold on the machine where somebody chose it. What it must
    still tell apart, a wrong weight, padding or order, is off by percents of the peak.
    """
    expected = np.asarray(expected)
    single = expected.dtype == np.float32
    assert single or expected.dtype == np.float64, f"{name}: {expected.dtype} is no golden output"
    atol = FLOAT32_OF_PEAK * float(np.abs(expected).max()) if single else FLOAT64
    np.testing.assert_allclose(actual.detach().numpy(), expected, rtol=0, atol=atol, err_msg=name)


def assert_traced(network: nn.Module, trace: Mapping[str, np.ndarray]) -> None:
    """Run a network on `x`; compare `y`, every convolution, and every module that there is a map of.

    Convolutions are `conv/NAME` in the trace, other modules `t/NAME`; all of it must be met, once.
    """
    seen: dict[str, Tensor] = {}

    def keep(key: str) -> Any:
        def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
            assert key not in seen, f"{key} is called twice"
            # Copied at once: the activation that follows works in place.
            seen[key] = output.clone()

        return hook

    for name, module in network.named_modules():
        kind = "conv" if isinstance(module, nn.Conv2d) else "t"
        if kind == "conv" or f"t/{name}" in trace:
            module.register_forward_hook(keep(f"{kind}/{name}"))
    seen["y"] = network(torch.from_numpy(trace["x"]))
    assert seen.keys() == trace.keys() - {"x"}
    for key, output in seen.items():
        assert_golden(output, trace[key], key)


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
