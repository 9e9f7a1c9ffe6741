"""What official submissions use of timm, which needs torchvision: three small things.

Sources: timm's documentation of `DropPath` (Huang et al., Deep Networks with Stochastic Depth: each
sample's path is dropped in training, kept in inference), of `to_2tuple` and of `trunc_normal_`.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn


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
        if self.training and self.drop_prob:
            raise RuntimeError("timm is not installed: its DropPath cannot be trained")
        return x


def to_2tuple(value: object) -> tuple[object, ...]:
    """Repeat a number twice; a sequence stays as it is, as a tuple."""
    if isinstance(value, Iterable) and not isinstance(value, str):
        return tuple(value)
    return value, value


STAND_INS: dict[str, dict[str, object]] = {
    "timm": {
        "DropPath": DropPath,
        "to_2tuple": to_2tuple,
        "trunc_normal_": nn.init.trunc_normal_,
    }
}
"""By package: names, and what stands in for them if it is not installed."""
