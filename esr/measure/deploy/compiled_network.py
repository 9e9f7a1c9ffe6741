"""A network behind `torch.compile`, and how often it was compiled.

It is compiled as a whole: where PyTorch would give up half way and go on in Python, it fails with
the reason. What a compiler writes goes to the private folder of the process, and no helpers are
started, which would outlive it.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from esr.measure.deploy.converted_network import replace_forward


@dataclass
class CompiledGraphs:
    """How often a network was compiled."""

    count: int = 0

    @property
    def recompilations(self) -> int | None:
        """Without the first time; None if it was never compiled."""
        return self.count - 1 if self.count else None


def compile_network(network: nn.Module, graphs: CompiledGraphs) -> None:
    """Have the network compiled when it is called, once or for several sizes of input.

    Args:
        network: ready to run; changed in place.
        graphs: counts.
    """
    _keep_to_private_folder()
    inductor = torch._dynamo.lookup_backend("inductor")

    def compile_graph(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> object:
        graphs.count += 1
        return inductor(graph, inputs)

    compiled = torch.compile(network.forward, backend=compile_graph, fullgraph=True)
    replace_forward(network, compiled)


def forget_compiled() -> None:
    """Give back what was compiled."""
    torch._dynamo.reset()


def _keep_to_private_folder() -> None:
    folder = Path(tempfile.gettempdir())
    # Names as `esr.sandbox.left_files` knows them.
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder / "torchinductor_deploy")
    os.environ["TRITON_CACHE_DIR"] = str(folder / "torch_triton")
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    import torch._dynamo
    import torch._inductor.config

    # Whoever has imported it already, a submission perhaps, had another environment.
    torch._inductor.config.compile_threads = 1
