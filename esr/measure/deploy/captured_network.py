"""A network whose kernels are recorded once for each size of input, and played back.

Playing back writes into the same memory each time. So the input is copied there before and the
output from there after, both as part of the pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from esr.measure.deploy.converted_network import replace_forward

_Pool = tuple[int, int]
_WARM_UPS = 3
"""Until libraries have chosen their kernels, which cannot be recorded (PyTorch's notes on CUDA)."""


@dataclass(frozen=True)
class _Recording:
    graph: torch.cuda.CUDAGraph
    given: Tensor
    made: Tensor

    def play(self, image: Tensor) -> Tensor:
        self.given.copy_(image)
        self.graph.replay()
        return self.made.clone()


def capture_network(network: nn.Module) -> None:
    """Record the network for each size of input when it comes first."""
    inner = network.forward
    recordings: dict[tuple[torch.Size, torch.dtype], _Recording] = {}
    # One pool: recordings are never played at the same time, and outputs are copied at once.
    pool = torch.cuda.graph_pool_handle()

    def forward(image: Tensor) -> Tensor:
        key = (image.shape, image.dtype)
        if key not in recordings:
            recordings[key] = _record(inner, image, pool)
        return recordings[key].play(image)

    replace_forward(network, forward)


def _record(call: Callable[[Tensor], Tensor], image: Tensor, pool: _Pool) -> _Recording:
    given = image.clone()
    side = torch.cuda.Stream(image.device)  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream(image.device))
    with torch.cuda.stream(side):
        for _ in range(_WARM_UPS):
            call(given)
    torch.cuda.current_stream(image.device).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool):  # type: ignore[arg-type]
        made = call(given)
    return _Recording(graph, given, made)
