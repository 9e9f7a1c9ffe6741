"""In the place of `mamba_ssm.modules.mamba_simple.Mamba`: the block around the scan.

mamba_ssm's needs its CUDA kernel. Why it is the same: Gu and Dao (arXiv 2312.00752), figure 3 and
section 3.4, with the names and shapes of layers that published checkpoints have. What is a product
with a layer's weight there and what is a call of the layer is as in the package without its fused
path, so that counters of modules say what they say of it: the projection in and that of delta are
products, the other two are calls.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from esr.submissions.clone_session.stand_ins.selective_scan import selective_scan_fn


class Mamba(nn.Module):
    """A selective state space between two projections, gated.

    Args:
        d_model: features of a token.
        d_state: states of a channel.
        d_conv: length of the causal convolution.
        expand: channels inside, as a multiple of d_model.
        dt_rank: of the projection that makes delta; "auto" for a sixteenth of d_model.
        conv_bias: whether the convolution has one.
        bias: whether the projections in and out have one.
    """

    def __init__(
        self,
        d_model: int,
        d_state: int = 16,
        d_conv: int = 4,
        expand: int = 2,
        dt_rank: int | str = "auto",
        dt_min: float = 0.001,
        dt_max: float = 0.1,
        dt_init: str = "random",
        dt_scale: float = 1.0,
        dt_init_floor: float = 1e-4,
        conv_bias: bool = True,
        bias: bool = False,
        use_fast_path: bool = True,
        layer_idx: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.d_model, self.d_state, self.d_conv, self.expand = d_model, d_state, d_conv, expand
        self.d_inner = inner = int(expand * d_model)
        self.dt_rank = rank = math.ceil(d_model / 16) if isinstance(dt_rank, str) else dt_rank
        self.use_fast_path, self.layer_idx = use_fast_path, layer_idx
        at: dict[str, Any] = {"device": device, "dtype": dtype}
        self.in_proj = nn.Linear(d_model, inner * 2, bias=bias, **at)
        self.conv1d = nn.Conv1d(
            inner, inner, d_conv, padding=d_conv - 1, groups=inner, bias=conv_bias, **at
        )
        self.act = nn.SiLU()
        self.x_proj = nn.Linear(inner, rank + d_state * 2, bias=False, **at)
        self.dt_proj = nn.Linear(rank, inner, bias=True, **at)
        states = torch.arange(1, d_state + 1, dtype=torch.float32, device=device)
        self.A_log = nn.Parameter(states.log().repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner, device=device))
        self.out_proj = nn.Linear(inner, d_model, bias=bias, **at)
        self._begin(dt_min, dt_max, dt_init, dt_scale, dt_init_floor)

    def _begin(self, low: float, high: float, kind: str, scale: float, floor: float) -> None:
        """Draw the weights that make delta, section 3.6; a checkpoint replaces them."""
        bound = scale * self.dt_rank**-0.5
        with torch.no_grad():
            if kind == "constant":
                self.dt_proj.weight.fill_(bound)
            else:
                self.dt_proj.weight.uniform_(-bound, bound)
            drawn = torch.rand_like(self.dt_proj.bias)
            step = torch.exp(drawn * math.log(high / low) + math.log(low)).clamp(min=floor)
            self.dt_proj.bias.copy_(step + torch.log(-torch.expm1(-step)))

    def forward(self, hidden_states: Tensor, inference_params: None = None) -> Tensor:
        """Mix tokens: (batch, length, d_model), the same shape back.

        Raises:
            NotImplementedError: a single step of a sequence is asked for.
        """
        if inference_params is not None:
            raise NotImplementedError("mamba_ssm is not installed: no step by step inference")
        batch, length, _ = hidden_states.shape
        both = self.in_proj.weight @ hidden_states.flatten(0, 1).t()
        both = both.reshape(-1, batch, length).transpose(0, 1)
        if self.in_proj.bias is not None:
            both = both + self.in_proj.bias.to(both.dtype)[:, None]
        x, z = both.chunk(2, dim=1)
        x = self.act(self.conv1d(x)[..., :length])
        made = self.x_proj(x.transpose(1, 2).flatten(0, 1))
        delta, write, read = made.split([self.dt_rank, self.d_state, self.d_state], dim=-1)
        delta = (self.dt_proj.weight @ delta.t()).reshape(-1, batch, length).transpose(0, 1)
        y = selective_scan_fn(
            x,
            delta,
            -torch.exp(self.A_log.float()),
            write.reshape(batch, length, -1).transpose(1, 2).contiguous(),
            read.reshape(batch, length, -1).transpose(1, 2).contiguous(),
            self.D.float(),
            z=z,
            delta_bias=self.dt_proj.bias.float(),
            delta_softplus=True,
        )
        assert isinstance(y, Tensor)
        output: Tensor = self.out_proj(y.transpose(1, 2))
        return output


REPLACES = ("mamba_ssm", "mamba_ssm.modules.mamba_simple")
NAMES: dict[str, object] = {"Mamba": Mamba}
