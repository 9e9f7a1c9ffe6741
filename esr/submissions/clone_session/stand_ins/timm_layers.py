"""In the place of timm's small layers (`timm.models.layers`, today `timm.layers`).

timm needs torchvision, which a CPU machine of the harness need not have. Why these are the same:

- `DropPath` (Huang et al., Deep Networks with Stochastic Depth) drops a sample's path in training
  and keeps it in inference. Here there is only inference; training is refused.
- `to_2tuple` and its siblings, `to_ntuple`: timm's documentation; a sequence stays as it is.
- `trunc_normal_` is PyTorch's `nn.init.trunc_normal_`, which was taken over from timm.
- `Mlp`: two linear layers with an activation between, under timm's names of the layers, so that
  checkpoints fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import repeat

import torch
from torch import Tensor, nn


def drop_path(
    x: Tensor, drop_prob: float = 0.0, training: bool = False, scale_by_keep: bool = True
) -> Tensor:
    """Return the input, as in inference.

    Raises:
        RuntimeError: the network is trained.
    """
    if training and drop_prob:
        raise RuntimeError("timm is not installed: its DropPath cannot be trained")
    return x


class DropPath(nn.Module):
    """Stochastic depth in inference, where it changes nothing."""

    def __init__(self, drop_prob: float = 0.0, scale_by_keep: bool = True) -> None:
        super().__init__()
        self.drop_prob, self.scale_by_keep = drop_prob, scale_by_keep

    def forward(self, x: Tensor) -> Tensor:
        """Return the input.

        Raises:
            RuntimeError: the network is trained.
        """
        return drop_path(x, self.drop_prob, self.training)


class Mlp(nn.Module):
    """Two layers and what lies between: (.., in_features) to (.., out_features)."""

    def __init__(
        self,
        in_features: int,
        hidden_features: int | None = None,
        out_features: int | None = None,
        act_layer: Callable[[], nn.Module] = nn.GELU,
        norm_layer: Callable[[int], nn.Module] | None = None,
        bias: bool | tuple[bool, bool] = True,
        drop: float | tuple[float, float] = 0.0,
        use_conv: bool = False,
    ) -> None:
        super().__init__()
        hidden, out = hidden_features or in_features, out_features or in_features
        biases, drops = to_2tuple(bias), to_2tuple(drop)

        def layer(inputs: int, outputs: int, index: int) -> nn.Module:
            if use_conv:
                return nn.Conv2d(inputs, outputs, 1, bias=bool(biases[index]))
            return nn.Linear(inputs, outputs, bias=bool(biases[index]))

        self.fc1 = layer(in_features, hidden, 0)
        self.act = act_layer()
        self.drop1 = nn.Dropout(float(str(drops[0])))
        self.norm = norm_layer(hidden) if norm_layer is not None else nn.Identity()
        self.fc2 = layer(hidden, out, 1)
        self.drop2 = nn.Dropout(float(str(drops[1])))

    def forward(self, x: Tensor) -> Tensor:
        """Apply one after the other."""
        x = self.norm(self.drop1(self.act(self.fc1(x))))
        output: Tensor = self.drop2(self.fc2(x))
        return output


def to_ntuple(count: int) -> Callable[[object], tuple[object, ...]]:
    """Make what repeats a value so often; a sequence stays as it is, as a tuple."""

    def to_tuple(value: object) -> tuple[object, ...]:
        if isinstance(value, Iterable) and not isinstance(value, str):
            return tuple(value)
        return tuple(repeat(value, count))

    return to_tuple


to_2tuple = to_ntuple(2)


REPLACES = ("timm",)
NAMES: dict[str, object] = {
    "DropPath": DropPath,
    "drop_path": drop_path,
    "Mlp": Mlp,
    "to_ntuple": to_ntuple,
    **{f"to_{count}tuple": to_ntuple(count) for count in (1, 3, 4)},
    "to_2tuple": to_2tuple,
    "trunc_normal_": nn.init.trunc_normal_,
    "_assert": torch._assert,
}
