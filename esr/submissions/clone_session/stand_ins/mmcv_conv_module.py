"""In the place of `mmcv.cnn.ConvModule`: a convolution, a normalization and an activation.

mmcv must be compiled for each version of PyTorch. Why it is the same: mmcv's documentation (API,
`mmcv.cnn.ConvModule`, and "CNN", table of types) says which layers are built, under which names
(`conv`, `bn` .., `activate`) and in which `order`. What is not in the tables below, or a
configuration of convolutions, is refused and not guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

Configuration = Mapping[str, Any]

_ACTIVATIONS: Mapping[str, Callable[..., nn.Module]] = {
    "ReLU": nn.ReLU, "LeakyReLU": nn.LeakyReLU, "PReLU": nn.PReLU, "RReLU": nn.RReLU,
    "ReLU6": nn.ReLU6, "ELU": nn.ELU, "Sigmoid": nn.Sigmoid, "Tanh": nn.Tanh, "GELU": nn.GELU,
    "SiLU": nn.SiLU,
}  # fmt: skip
_NOT_IN_PLACE = ("PReLU", "Sigmoid", "Tanh", "GELU")
_NORMS: Mapping[str, tuple[str, Callable[..., nn.Module]]] = {
    "BN": ("bn", nn.BatchNorm2d),
    "BN2d": ("bn", nn.BatchNorm2d),
    "IN": ("in", nn.InstanceNorm2d),
    "IN2d": ("in", nn.InstanceNorm2d),
    "GN": ("gn", nn.GroupNorm),
}
_PADDINGS: Mapping[str, Callable[[Any], nn.Module]] = {
    "reflect": nn.ReflectionPad2d,
    "replicate": nn.ReplicationPad2d,
}


class ConvModule(nn.Module):
    """Convolution, normalization and activation, by default in this order.

    Args:
        in_channels: of the image.
        out_channels: of the result.
        kernel_size: of the convolution, as are stride, padding, dilation and groups.
        bias: "auto" for one where nothing is normalized.
        conv_cfg: None or a plain `Conv2d`.
        norm_cfg: `type` and what its layer takes; None for none.
        act_cfg: `type` and what its layer takes; None for none.
        inplace: whether the activation writes over its input.
        with_spectral_norm: of the convolution's weight.
        padding_mode: zeros, reflect or replicate; "circular" pads with zeros, as mmcv's does.
        order: of the three.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool | str = "auto",
        conv_cfg: Configuration | None = None,
        norm_cfg: Configuration | None = None,
        act_cfg: Configuration | None = {"type": "ReLU"},  # noqa: B006  # Never written to.
        inplace: bool = True,
        with_spectral_norm: bool = False,
        padding_mode: str = "zeros",
        order: Sequence[str] = ("conv", "norm", "act"),
    ) -> None:
        super().__init__()
        if conv_cfg is not None and conv_cfg.get("type") not in ("Conv2d", "Conv"):
            raise _absent(f"conv_cfg {conv_cfg.get('type')}")
        self.with_norm, self.with_activation = norm_cfg is not None, act_cfg is not None
        self.with_bias = not self.with_norm if bias == "auto" else bool(bias)
        self.order = tuple(order)
        if padding_mode not in ("zeros", "circular", *_PADDINGS):
            raise _absent(f"padding_mode {padding_mode}")
        self.padding_layer: nn.Module | None = None
        if padding_mode in _PADDINGS:
            self.padding_layer = _PADDINGS[padding_mode](_four(padding))
            padding = 0
        self.conv: nn.Module = nn.Conv2d(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups,
            self.with_bias,
        )  # fmt: skip
        if with_spectral_norm:
            self.conv = nn.utils.spectral_norm(self.conv)
        self.norm_name: str | None = None
        if norm_cfg is not None:
            before = self.order.index("norm") < self.order.index("conv")
            self.norm_name, norm = _norm(norm_cfg, in_channels if before else out_channels)
            self.add_module(self.norm_name, norm)
        if act_cfg is not None:
            self.activate = _activation(act_cfg, inplace=inplace)

    def forward(self, x: Tensor, activate: bool = True, norm: bool = True) -> Tensor:
        """Apply the three in their order: (batch, channels, height, width)."""
        for step in self.order:
            if step == "conv":
                x = self.conv(x if self.padding_layer is None else self.padding_layer(x))
            elif step == "norm" and norm and self.norm_name is not None:
                x = self.get_submodule(self.norm_name)(x)
            elif step == "act" and activate and self.with_activation:
                x = self.activate(x)
        return x


def _four(padding: int | tuple[int, int]) -> tuple[int, int, int, int]:
    rows, columns = (padding, padding) if isinstance(padding, int) else padding
    return columns, columns, rows, rows


def _norm(configuration: Configuration, channels: int) -> tuple[str, nn.Module]:
    given = dict(configuration)
    kind = given.pop("type")
    if kind not in _NORMS:
        raise _absent(f"norm_cfg {kind}")
    trained = given.pop("requires_grad", True)
    given.setdefault("eps", 1e-5)
    name, layer = _NORMS[kind]
    channels_named = {"num_channels": channels} if name == "gn" else {"num_features": channels}
    norm = layer(**channels_named, **given)
    for parameter in norm.parameters():
        parameter.requires_grad = trained
    return name, norm


def _activation(configuration: Configuration, *, inplace: bool) -> nn.Module:
    given = dict(configuration)
    kind = given.pop("type")
    if kind not in _ACTIVATIONS:
        raise _absent(f"act_cfg {kind}")
    if kind not in _NOT_IN_PLACE:
        given.setdefault("inplace", inplace)
    return _ACTIVATIONS[kind](**given)


def _absent(what: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(
        f"needs the package mmcv, which is not installed (ConvModule with {what})", name="mmcv"
    )


REPLACES = ("mmcv.cnn",)
NAMES: dict[str, object] = {"ConvModule": ConvModule}
