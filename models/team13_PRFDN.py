"""PRFDN of team SEU_CNII: NTIRE 2023 Real-Time SR (x2, x3) and Efficient SR (x4).

The chain, a class or function each: `RFDN` (blocks in a row) -> `BranchedRFDN` (side by side)
-> its `deploy` (the branches as one wide net, concat and split as convolutions) -> `PRFDN`,
whose channels `prune` thins out. Parallel RFDN has no paper; RFDN is that of Liu, Tang, Wu:
Residual Feature Distillation Network, ECCV Workshops 2020.
"""

from __future__ import annotations

import importlib
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from math import isqrt
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

SMALLEST_PX = 15
"""Least height and width of the input: ESA pools 7x7 windows after a stride of two."""

BLOCKS = ("B1", "B2", "B3", "B4")
TAIL = ("c", "LR_conv", "upsampler")


class Widths(NamedTuple):
    """Channels of `members` nets of width `nf` side by side, of which pruning keeps a part."""

    nf: int
    members: int = 1
    keep: float = 1.0

    def kept(self, nf: int) -> int:
        """Return what is left of `nf` channels a member."""
        return int(self.members * nf * self.keep)


class Layout(NamedTuple):
    """Names of the parts of a branched net, branch by branch."""

    stems: tuple[str, ...]
    srfdbs: tuple[str, ...]
    """Of every branch but the first."""
    chains: tuple[tuple[str, ...], ...]
    """The blocks of each branch, in a row."""

    @property
    def merged_stem(self) -> str:
        """`fea_conv1234` of four."""
        return "fea_conv" + "1234"[: len(self.stems)]


LAYOUTS: Mapping[int, Layout] = {
    2: Layout(("fea_conv", "fea_conv2"), ("B2S2",), (BLOCKS[:2], BLOCKS[2:])),
    4: Layout(
        ("fea_conv", "fea_conv1", "fea_conv2", "fea_conv3"),
        ("B2S1", "B2S2", "B2S3"),
        (("B1",), ("B2",), ("B3",), ("B4",)),
    ),
}
"""By the number of branches."""


def layout_of(branches: int) -> Layout:
    """Look a layout up; a ValueError names the numbers of branches there are."""
    if branches not in LAYOUTS:
        raise ValueError(f"branches must be 2 or 4, not {branches}")
    return LAYOUTS[branches]


def merged_name(names: Sequence[str]) -> str:
    """Name the merger of blocks: `B13` of `B1` and `B3`."""
    return names[0][:-1] + "".join(name[-1] for name in names)


def conv1x1(in_nc: int, out_nc: int) -> nn.Conv2d:
    """Pointwise convolution with a bias."""
    return nn.Conv2d(in_nc, out_nc, 1)


def conv3x3(in_nc: int, out_nc: int) -> nn.Conv2d:
    """Convolution with a bias that keeps height and width."""
    return nn.Conv2d(in_nc, out_nc, 3, padding=1)


class ESA(nn.Module):
    """Enhanced spatial attention: scales (N, nf, H, W) by a mask seen through a wide window."""

    def __init__(self, nf: int, width: int) -> None:
        super().__init__()
        self.conv1 = conv1x1(nf, width)
        self.conv_f = conv1x1(width, width)
        self.conv_max = conv3x3(width, width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=2)
        self.conv3 = conv3x3(width, width)
        self.conv3_ = conv3x3(width, width)
        self.conv4 = conv1x1(width, nf)
        self.pool = nn.MaxPool2d(7, stride=3)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` times its mask in (0, 1)."""
        u = self.conv1(x)
        q = self.pool(self.conv2(u))
        q = self.relu(self.conv_max(q))
        q = self.conv3_(self.relu(self.conv3(q)))
        wide = interpolate(q, size=x.shape[-2:], mode="bilinear", align_corners=False)
        return x * torch.sigmoid(self.conv4(wide + self.conv_f(u)))


class RFDB(nn.Module):
    """Feature distillation block without a skip of its own; with one refinement, the SRFDB.

    Args:
        widths: of the output, the distilled features and the attention.
        in_nc: channels of the input.
        refinements: residual convolutions in a row, each after a distillation: 3, or 1.
        regroup: whether a convolution reorders the distilled features, as a merged block needs.
    """

    def __init__(
        self, widths: Widths, in_nc: int, refinements: int = 3, *, regroup: bool = False
    ) -> None:
        super().__init__()
        nf, distilled = widths.kept(widths.nf), widths.kept(widths.nf // 2)
        self.refinements = refinements
        for k in range(1, refinements + 1):
            self.add_module(f"c{k}_d", conv1x1(in_nc, distilled))
            self.add_module(f"c{k}_r", conv3x3(in_nc, in_nc))
        self.c4 = conv3x3(in_nc, distilled)
        self.act = nn.LeakyReLU(0.05, inplace=True)
        tensors = refinements + 1
        fused = widths.kept(tensors * (widths.nf // 2)) if regroup else tensors * distilled
        self.c5 = conv1x1(fused, nf)
        self.esa = ESA(nf, widths.kept(widths.nf // 4))
        self.cat_p = conv1x1(tensors * distilled, fused) if regroup else None

    def forward(self, x: Tensor) -> Tensor:
        """Distil features at each depth and fuse them."""
        distilled = []
        for k in range(1, self.refinements + 1):
            distilled.append(self.act(self.get_submodule(f"c{k}_d")(x)))
            x = self.act(self.get_submodule(f"c{k}_r")(x) + x)
        together = torch.cat([*distilled, self.act(self.c4(x))], dim=1)
        if self.cat_p is not None:
            together = self.cat_p(together)
        fused: Tensor = self.esa(self.c5(together))
        return fused


def stack(wide: nn.Conv2d, members: Sequence[nn.Conv2d]) -> None:
    """Write `members` on the diagonal of `wide`; what lies beside the diagonal stays.

    With zeros there, `wide` makes of the members' stacked inputs their stacked outputs.
    """
    weight = wide.weight.detach()
    for k, conv in enumerate(members):
        rows, columns = conv.out_channels, conv.in_channels
        weight[k * rows : (k + 1) * rows, k * columns : (k + 1) * columns] = conv.weight.detach()
    biases = torch.cat([conv.state_dict()["bias"] for conv in members])
    wide.load_state_dict({"weight": weight, "bias": biases})


def select(conv: nn.Conv2d, channels: Sequence[int]) -> None:
    """Make the 1x1 convolution `conv` select `channels` of its input, in that order."""
    rows = torch.eye(conv.in_channels)[list(channels), :, None, None]
    conv.load_state_dict({"weight": rows, "bias": torch.zeros(len(channels))})


def regrouping(sizes: Sequence[int], groups: int) -> list[int]:
    """Order the channels of concatenated tensors, each [group 1; group 2; ...], group by group.

    Args:
        sizes: channels of each tensor, multiples of `groups`.
        groups: as many as branches were merged.
    """
    starts = [sum(sizes[:t]) for t in range(len(sizes))]
    return [
        start + group * size // groups + j
        for group in range(groups)
        for start, size in zip(starts, sizes, strict=True)
        for j in range(size // groups)
    ]


def merge(wide: nn.Module, members: Sequence[nn.Module]) -> None:
    """Make `wide` compute what `members` of one kind compute, side by side.

    Activations, gates and resizing act on each channel alone, so only convolutions change; those
    of `wide` are expected to be zero (see `stack`).
    """
    for name, conv in wide.named_modules():
        if isinstance(conv, nn.Conv2d) and name != "cat_p":
            own = [member.get_submodule(name) for member in members]
            stack(conv, [part for part in own if isinstance(part, nn.Conv2d)])
    if isinstance(wide, RFDB) and wide.cat_p is not None:
        sizes = [wide.c4.out_channels] * (wide.refinements + 1)
        select(wide.cat_p, regrouping(sizes, len(members)))


class _Network(nn.Module):
    """What every form has: LR to SR, RGB in [0, 255], with the tail of RFDN."""

    def _add_tail(self, in_nc: int, nf: int, upscale: int) -> None:
        self.c = nn.Sequential(conv1x1(in_nc, nf), nn.LeakyReLU(0.05, inplace=True))
        self.LR_conv = conv3x3(nf, nf)
        self.upsampler = nn.Sequential(conv3x3(nf, 3 * upscale**2), nn.PixelShuffle(upscale))

    @abstractmethod
    def trunk(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs of all blocks, concatenated, and the features of the long skip."""

    def forward(self, x: Tensor) -> Tensor:
        """Restore (N, 3, H, W) to (N, 3, upscale * H, upscale * W), not clamped.

        Raises:
            ValueError: the input is smaller than 15x15.
        """
        height, width = x.shape[-2:]
        if min(height, width) < SMALLEST_PX:
            limit = f"{SMALLEST_PX}x{SMALLEST_PX}"
            raise ValueError(f"PRFDN needs an input of at least {limit}, got {height}x{width}")
        outputs, features = self.trunk(x)
        restored: Tensor = self.upsampler(self.LR_conv(self.c(outputs)) + features)
        return restored


class RFDN(_Network):
    """RFDN itself, where the chain starts; widened twofold and pruned, the team's x4 ESR entry.

    Args:
        nf: feature width.
        upscale: the scale.
        widen: factor on every width before pruning.
        keep: part of the channels that pruning left.
    """

    def __init__(self, nf: int = 50, upscale: int = 4, widen: int = 1, keep: float = 1.0) -> None:
        super().__init__()
        widths = Widths(nf, widen, keep)
        width = widths.kept(nf)
        self.fea_conv = conv3x3(3, width)
        for name in BLOCKS:
            self.add_module(name, RFDB(widths, width))
        self._add_tail(len(BLOCKS) * width, width, upscale)

    def trunk(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Run the blocks one after the other."""
        features = self.fea_conv(x)
        return torch.cat(self._chain(features, BLOCKS), dim=1), features

    def _chain(self, x: Tensor, names: Sequence[str]) -> list[Tensor]:
        outputs = [x]
        for name in names:
            outputs.append(self.get_submodule(name)(outputs[-1]))
        return outputs[1:]


class BranchedRFDN(RFDN):
    """Training form: the blocks of RFDN in branches, an SRFDB before each but the first.

    Args:
        branches: 2 of two blocks, or 4 of one.
        srfdb: whether there are SRFDBs.
        nf: feature width.
        upscale: the scale.
    """

    def __init__(
        self, branches: int = 4, srfdb: bool = True, nf: int = 50, upscale: int = 4
    ) -> None:
        super().__init__(nf, upscale)
        self.nf, self.upscale = nf, upscale
        self.layout = layout_of(branches)
        self.srfdbs = self.layout.srfdbs if srfdb else ()
        for name in self.layout.stems[1:]:
            self.add_module(name, conv3x3(3, nf))
        for name in self.srfdbs:
            self.add_module(name, RFDB(Widths(nf), nf, refinements=1))

    def trunk(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Run the branches side by side; the long skip is the stem of the first."""
        inputs = [self.get_submodule(name)(x) for name in self.layout.stems]
        features = inputs[0]
        for k, name in enumerate(self.srfdbs, start=1):
            inputs[k] = self.get_submodule(name)(inputs[k])
        outputs = [
            output
            for z, chain in zip(inputs, self.layout.chains, strict=True)
            for output in self._chain(z, chain)
        ]
        return torch.cat(outputs, dim=1), features

    def start_from(self, rfdn: Mapping[str, Tensor]) -> list[str]:
        """Take the weights of an RFDN, whatever its scale, and return the keys it does not have.

        The function is not that of the RFDN: its blocks ran in sequence. Training follows.

        Raises:
            RuntimeError: the RFDN has another width, or keys that no RFDN has.
        """
        own = self.state_dict()
        fits = {
            key: value
            for key, value in rfdn.items()
            if not key.startswith("upsampler.") or value.shape == own.get(key, value).shape
        }
        result = self.load_state_dict(fits, strict=False)
        if result.unexpected_keys:
            raise RuntimeError(f"no RFDN has {', '.join(result.unexpected_keys)}")
        return list(result.missing_keys)

    def deploy(self, *, random_off_diagonals: bool = False) -> PRFDN:
        """Return the same function as one wide net with concat and split as convolutions.

        Args:
            random_off_diagonals: leave what mixes the branches at its random initialisation, as
                the team's run did; then the function is another until training restores it.
        """
        layout = self.layout
        wide = PRFDN(len(layout.stems), bool(self.srfdbs), self.nf, self.upscale, keep=1.0)
        wide.to(self.fea_conv.weight)
        if not random_off_diagonals:
            wide.load_state_dict({k: torch.zeros_like(v) for k, v in wide.state_dict().items()})
        parts = {layout.merged_stem: layout.stems, **{name: (name,) for name in TAIL}}
        parts |= {merged_name(names): names for names in zip(*layout.chains, strict=True)}
        if self.srfdbs:
            parts[merged_name(self.srfdbs)] = self.srfdbs
        for name, members in parts.items():
            merge(wide.get_submodule(name), [self.get_submodule(member) for member in members])
        wide.select_channels()
        return wide


def rebuild(state: Mapping[str, Tensor]) -> RFDN | PRFDN:
    """Build the net that a state_dict belongs to, however pruning left its widths, and load it.

    Args:
        state: of an `RFDN`, `BranchedRFDN` or `PRFDN`; the names tell which, the shapes the rest.

    Raises:
        RuntimeError: parameters are missing, unexpected or of another kernel size.
    """
    branches = 4 if {"fea_conv1.weight", "fea_conv1234.weight"} & state.keys() else 2
    srfdb = any(key.startswith("B2S") for key in state)
    upscale = max(isqrt(len(state.get("upsampler.0.bias", ())) // 3), 1)
    network: RFDN | PRFDN = RFDN(upscale=upscale)
    if "split.weight" in state:
        network = PRFDN(branches, srfdb, upscale=upscale)
    elif "fea_conv2.weight" in state:
        network = BranchedRFDN(branches, srfdb, upscale=upscale)
    for name, conv in network.named_modules():
        weight = state.get(f"{name}.weight")
        if isinstance(conv, nn.Conv2d) and weight is not None and weight.ndim == 4:
            # The counters read the attributes, not the shapes.
            conv.out_channels, conv.in_channels = weight.shape[:2]
            shape = (*weight.shape[:2], *conv.kernel_size)
            conv.weight = nn.Parameter(weight.new_empty(shape))
            conv.bias = nn.Parameter(weight.new_empty(shape[:1]))
    network.load_state_dict(state)
    return network


def prune(
    network: PRFDN,
    keep: float,
    steps: int = 1,
    tune: Callable[[PRFDN], object] = lambda network: None,
) -> PRFDN:
    """Return a copy without the weakest channels (L2 norm) of every group, the same part of each.

    Args:
        network: merged and trained; stays as it is.
        keep: part of the channels to keep.
        steps: how often to prune on the way.
        tune: trains the network in place after each step.

    Raises:
        ImportError: Torch-Pruning is not installed.
    """
    try:
        tp = importlib.import_module("torch_pruning")
    except ModuleNotFoundError as error:
        raise ImportError("pruning needs Torch-Pruning: pip install torch-pruning") from error
    # The dependencies between layers are read off the graph of the gradients.
    pruned = deepcopy(network).requires_grad_()
    pruner = tp.pruner.MagnitudePruner(
        pruned,
        next(pruned.parameters()).new_zeros(1, 3, 64, 64),
        importance=tp.importance.MagnitudeImportance(p=2),
        iterative_steps=steps,
        pruning_ratio=1 - keep,
        ignored_layers=[pruned.upsampler[0]],
    )
    for _ in range(steps):
        pruner.step()
        tune(pruned)
    return pruned


class PRFDN(_Network):
    """Deploy form: all branches in one wide net; as submitted for x2 without arguments.

    Args:
        branches: 2 or 4, which were merged.
        srfdb: whether they had SRFDBs.
        nf: feature width of a branch.
        upscale: the scale.
        keep: part of the channels of every group that pruning left, 1.0 without pruning. Any
            value in [0.1150, 0.1175) gives the widths submitted for x2, with two branches
            [0.250, 0.255) those for x3.
    """

    def __init__(
        self,
        branches: int = 4,
        srfdb: bool = True,
        nf: int = 50,
        upscale: int = 2,
        keep: float = 0.116,
    ) -> None:
        super().__init__()
        self.layout = layout_of(branches)
        first, rest, every = (Widths(nf, n, keep) for n in (1, branches - 1, branches))
        stem, skip = every.kept(nf), first.kept(nf)
        # The parts around the SRFDB are pruned apart, so together they may be narrower.
        in_nc = skip + rest.kept(nf) if srfdb else stem
        self.blocks = [merged_name(names) for names in zip(*self.layout.chains, strict=True)]
        self.srfdb = merged_name(self.layout.srfdbs) if srfdb else None
        self.add_module(self.layout.merged_stem, conv3x3(3 * branches, stem))
        self.split = conv1x1(in_nc, skip)
        for k, name in enumerate(self.blocks):
            self.add_module(name, RFDB(every, stem if k else in_nc, regroup=True))
        depth = len(self.blocks)
        self.cat_p = conv1x1(depth * stem, every.kept(depth * nf)) if depth > 1 else None
        self._add_tail(every.kept(depth * nf), skip, upscale)
        if self.srfdb:
            self.add_module(self.srfdb, RFDB(rest, rest.kept(nf), 1, regroup=branches > 2))
            self.split_left = conv1x1(stem, skip)
            self.split_right = conv1x1(stem, rest.kept(nf))

    def trunk(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Run all branches at once, each on its own channels until pruning mixes them."""
        z = self.get_submodule(self.layout.merged_stem)(x.repeat(1, len(self.layout.stems), 1, 1))
        if self.srfdb:
            refined = self.get_submodule(self.srfdb)(self.split_right(z))
            z = torch.cat([self.split_left(z), refined], dim=1)
        features = self.split(z)
        outputs = []
        for name in self.blocks:
            z = self.get_submodule(name)(z)
            outputs.append(z)
        together = torch.cat(outputs, dim=1)
        return together if self.cat_p is None else self.cat_p(together), features

    def select_channels(self) -> None:
        """Make the convolutions that stand for concat and split what they stand for; unpruned."""
        nf = self.split.out_channels
        select(self.split, range(nf))
        if self.srfdb:
            select(self.split_left, range(nf))
            select(self.split_right, range(nf, self.split_right.in_channels))
        if self.cat_p is not None:
            sizes = [self.cat_p.in_channels // len(self.blocks)] * len(self.blocks)
            select(self.cat_p, regrouping(sizes, len(self.layout.stems)))
