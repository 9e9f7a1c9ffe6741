"""One forward pass observed, and what each counter missed of it."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from esr.measure.counts.dispatch_counts import Op, OperatorCall, watched
from esr.measure.counts.hidden_work import SideWatch
from esr.measure.counts.memory_pieces import storages_of
from esr.measure.counts.op_costs import NATIVE
from esr.measure.timing import settle
from esr.records.network_counts import CustomOp, Dispatched, Missed, OpCount, SidePath

LOOKS_AT_MOST = 4
_NAMED_AT_MOST = 20
UNSEEN_SHARE = 0.05
"""Of the time of a pass: what happens but once, an import above all, is not there again."""


@dataclass(frozen=True)
class Observation:
    """A pass, with everything that was noted."""

    calls: tuple[OperatorCall, ...]
    ops: tuple[Op, ...]
    """In the order of time."""
    output: object
    side: SideWatch
    total_s: float
    threads_s: float

    @property
    def flops(self) -> int:
        """Multiply-adds of all operations that have a formula."""
        return sum(op.flops or 0 for op in self.ops)

    def dispatched(self) -> Dispatched:
        """Sum up what the dispatcher saw."""
        has_exits = bool(self.side.exits.calls)
        unused = _unused(self.ops, self.output) if not has_exits else []
        untouched = self.side.storages.untouched()
        unregistered = self.side.storages.unregistered(self.output, has_exits=has_exits)
        return Dispatched(
            num_conv=_convolutions(self.ops),
            flops_unused=sum(op.flops or 0 for op in unused),
            num_conv_unused=_convolutions(unused),
            uncounted=tally(op for op in self.ops if op.cost.computes and op.flops is None),
            arithmetic=sum(op.cost.arithmetic for op in self.ops),
            fourier=sum(op.cost.fourier for op in self.ops),
            unknown=tally(op for op in self.ops if op.cost.unknown and not _is_custom(op)),
            untouched=tuple(untouched),
            untouched_elements=sum(untouched.values()),
            unregistered_elements=sum(each.elements for each in unregistered),
            unregistered=unregistered[:_NAMED_AT_MOST],
        )

    def side_path(self) -> SidePath:
        """Sum up what the dispatcher did not see."""
        custom = tally(filter(_is_custom, self.ops))
        total_s = max(self.total_s, 1e-9)
        return SidePath(
            custom_ops=tuple(
                CustomOp(op.name, op.calls, self.side.clock.spent[op.name] / total_s)
                for op in custom
            ),
            exits=tuple(OpCount(*item) for item in sorted(self.side.exits.calls.items())),
            exit_elements=self.side.exits.elements,
            foreign_elements=self.side.storages.foreign_elements,
            outside_share=self.side.clock.outside / total_s,
            threads_share=self.threads_s / (total_s + self.threads_s),
        )


def least_side_path(looks: Sequence[Observation]) -> SidePath:
    """Sum up what the dispatcher did not see in several passes over the same.

    Of every share of time the least counts: what others do to the machine only ever adds.
    """
    sides = [seen.side_path() for seen in looks]
    shares: dict[str, float] = {}
    for op in (op for side in sides for op in side.custom_ops):
        shares[op.name] = min(op.time_share, shares.get(op.name, op.time_share))
    last = sides[-1]
    return replace(
        last,
        custom_ops=tuple(replace(op, time_share=shares[op.name]) for op in last.custom_ops),
        outside_share=min(side.outside_share for side in sides),
        threads_share=min(side.threads_share for side in sides),
        looks=len(sides),
    )


def is_conspicuous(looks: Sequence[Observation]) -> bool:
    """Whether in every pass time went where PyTorch was not seen to work."""
    side = least_side_path(looks)
    return max(side.outside_share, side.threads_share) > UNSEEN_SHARE


def observe(
    model: nn.Module, dummy: Tensor, forward: Callable[[Tensor], object] | None = None
) -> Observation:
    """Run a network once, on one thread of the CPU, and note every operation.

    Other threads than ours are conspicuous only while PyTorch's own rest.

    Args:
        model: the network.
        dummy: its input.
        forward: what to call instead of the network.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        # What PyTorch does only once must not look like work of the network.
        with torch.random.fork_rng([]):  # The network's random numbers are not ours to draw.
            first = nn.Conv2d(1, 1, 1).to(dummy.device)
        _pass(first, dummy[:, :1, :8, :8], first)
        settle(tick_s=0.02, ticks=50, rest_ns=0.4e6)
        return _pass(model, dummy, forward or model)
    finally:
        torch.set_num_threads(threads)


def _pass(model: nn.Module, dummy: Tensor, forward: Callable[[Tensor], object]) -> Observation:
    calls: list[OperatorCall] = []
    ops: list[Op] = []
    side = SideWatch(model, dummy)
    with watched(calls, ops, side):
        output = forward(dummy)
    total_s, threads_s = side.clock.stop()
    if isinstance(output, Tensor):
        side.storages.read([output])
    return Observation(tuple(calls), tuple(ops), output, side, total_s, threads_s)


def missed_by_official(seen: Observation, layers: Iterable[nn.Module]) -> Missed:
    """Find what ran outside the layers that are hooked, or costs more than its layer's rule says.

    Args:
        seen: the pass.
        layers: the modules that the counter hooked.
    """
    hooked = set(layers)
    groups = _by_call(seen, lambda call: call.official_flops is not None and call.module in hooked)
    flops, lost, named = 0, list[Op](), list[Op]()
    for call, ops in groups:
        given = call.official_flops if call is not None and call.official_flops else 0
        flops += max(0, sum(op.flops or 0 for op in ops) - given)
        beside = _outside(call, ops)
        lost += beside
        # What is more than the rule of its own layer says was seen all the same.
        named += [op for op in ops if op in beside or (op.flops or 0) > given]
    return Missed("official", flops, _convolutions(lost), tally(named))


def _is_recurrent(call: OperatorCall | None) -> bool:
    """Tell whether a layer is made of many products, all of which its rule knows."""
    return call is not None and isinstance(call.module, nn.RNNBase | nn.RNNCellBase)


def _outside(call: OperatorCall | None, ops: list[Op]) -> list[Op]:
    """Leave out the one operation for which a layer's rule is made: its convolution, if any."""
    if call is None:
        return ops
    main = next((op for op in ops if "convolution" in op.name), ops[0] if ops else None)
    return [op for op in ops if op is not main]


def missed_by_thop(seen: Observation, total: int, rules: Iterable[type[nn.Module]]) -> Missed:
    """Find what ran outside the modules for which thop has a rule.

    Args:
        seen: the pass.
        total: what thop counted; a layer may do more than its rule knows.
        rules: types with a rule, which does not hold for their subclasses.
    """
    types = set(rules)
    groups = _by_call(seen, lambda call: type(call.module) in types)
    lost = [op for call, ops in groups if not _is_recurrent(call) for op in _outside(call, ops)]
    outside = sum(op.flops or 0 for op in lost)
    return Missed("thop", max(outside, seen.flops - total), _convolutions(lost), tally(lost))


def missed_by_fvcore(seen: Observation, flops: int, num_conv: int) -> Missed:
    """Compare with fvcore.

    Args:
        seen: the pass.
        flops: multiply-adds that fvcore counted for convolutions and products alone.
        num_conv: convolutions that it met.
    """
    convolutions = _convolutions(seen.ops)
    return Missed("fvcore", max(0, seen.flops - flops), max(0, convolutions - num_conv))


def tally(ops: Iterable[Op]) -> tuple[OpCount, ...]:
    """Count operations by name."""
    return tuple(OpCount(*item) for item in sorted(Tally(op.name for op in ops).items()))


def _by_call(
    seen: Observation, accept: Callable[[OperatorCall], bool]
) -> list[tuple[OperatorCall | None, list[Op]]]:
    """Group what has a formula by the innermost call around it that is accepted."""
    groups: dict[int, tuple[OperatorCall | None, list[Op]]] = {}
    for call in seen.calls:
        outer = call.enclosing(accept)
        ops = groups.setdefault(id(outer), (outer, []))[1]
        ops += [op for op in call.ops if op.flops is not None]
    return list(groups.values())


def _is_custom(op: Op) -> bool:
    return op.name.split("::")[0] not in NATIVE


def _convolutions(ops: Iterable[Op]) -> int:
    return sum("convolution" in op.name and op.flops is not None for op in ops)


def _unused(ops: tuple[Op, ...], output: object) -> list[Op]:
    """Find the operations from which nothing leads to the output."""
    if not isinstance(output, Tensor):
        return []
    needed = set(storages_of(output))
    unused = []
    for op in reversed(ops):
        if op.written.isdisjoint(needed):
            unused.append(op)
        else:
            needed |= op.read
    return unused
