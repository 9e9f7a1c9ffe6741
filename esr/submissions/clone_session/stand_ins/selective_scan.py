"""In the place of `mamba_ssm.ops.selective_scan_interface`: the scan of a selective state space.

mamba_ssm's is a CUDA kernel and cannot be had on a CPU. Why it is the same: Gu and Dao, Mamba:
Linear-Time Sequence Modeling with Selective State Spaces (arXiv 2312.00752), equations 2a and 2b
with A by zero-order hold and B by Euler's rule, as section 3.6 and the signature of the package's
README have it: h_t = exp(delta_t A) h_(t-1) + delta_t B_t u_t, y_t = C_t h_t + D u_t, gated by
silu(z). The same sums, one step after the other, in float32.

It is one `autograd.Function` and within it one operator, as opaque as the kernel: counters of
modules and fvcore see no more of it than they do officially. The dispatcher's count adds
9 batch length width states for it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import _disable_current_modes

_STEPS = 64
"""How many steps are held at once: 16 states of 120 channels are 0.5 MB, which a cache holds."""
_SCHEMA = (
    "selective_scan(Tensor u, Tensor delta, Tensor A, Tensor B, Tensor C, Tensor? D, Tensor? z, "
    "Tensor? delta_bias, bool delta_softplus) -> (Tensor, Tensor)"
)


def selective_scan_fn(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
    return_last_state: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Scan sequences; its signature is the package's.

    Args:
        u: (batch, width, length), the input.
        delta: the same shape, length of each step.
        A: (width, states), real.
        B: (width, states), or for each step (batch, states, length) or, in groups of channels,
            (batch, groups, states, length).
        C: as B.
        D: (width,), added to the output times u.
        z: as u; the output is multiplied by silu(z).
        delta_bias: (width,), added to delta.
        delta_softplus: whether softplus is applied to delta.
        return_last_state: whether (batch, width, states) after the last step is returned, too.

    Returns:
        as u.

    Raises:
        NotImplementedError: A is complex.
    """
    if A.is_complex():
        raise NotImplementedError("mamba_ssm is not installed: A must be real")
    _operator()
    given = (u, delta, A, B, C, D, z, delta_bias, delta_softplus)
    y, last = SelectiveScanFn.apply(*given)  # type: ignore[no-untyped-call]
    return (y, last) if return_last_state else y


class SelectiveScanFn(torch.autograd.Function):
    """The scan as one node of the graph."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        """Scan."""
        ctx.save_for_backward(*given[:-1])
        ctx.delta_softplus = given[-1]
        y, last = torch.ops.esr_stand_in.selective_scan(*given)
        return y, last

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:  # noqa: ANN401
        """Scan again, with PyTorch watching."""
        with torch.enable_grad():
            given: list[Any] = [
                each if each is None else each.detach().requires_grad_()
                for each in ctx.saved_tensors
            ]
            outputs = _scan(*given, softplus=ctx.delta_softplus)
        wanted = [each for each in given if each is not None]
        found = iter(torch.autograd.grad(outputs, wanted, gradients, allow_unused=True))
        return (*(None if each is None else next(found) for each in given), None)


@cache
def _operator() -> torch.library.Library:
    # Not at import: a table of PyTorch's is written to.
    library = torch.library.Library("esr_stand_in", "DEF")  # type: ignore[no-untyped-call]
    library.define(_SCHEMA)  # type: ignore[no-untyped-call]
    kernel = (_unseen, "CompositeExplicitAutograd")
    library.impl("selective_scan", *kernel)  # type: ignore[no-untyped-call]
    return library


def _unseen(*given: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401
    with torch.no_grad(), _disable_current_modes():
        return _scan(*given[:-1], softplus=given[-1])


def _scan(
    u: Tensor,
    delta: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    d: Tensor | None,
    z: Tensor | None,
    delta_bias: Tensor | None,
    *,
    softplus: bool,
) -> tuple[Tensor, Tensor]:
    batch, width, length = u.shape
    dtype = torch.promote_types(u.dtype, torch.float32)
    steps = delta.to(dtype)
    steps = steps if delta_bias is None else steps + delta_bias.to(dtype)[:, None]
    steps = functional.softplus(steps) if softplus else steps
    # Time first: (length, batch, width) and (length, batch, width or 1, states).
    steps, inputs = steps.permute(2, 0, 1), u.to(dtype).permute(2, 0, 1)
    a, write, read = a.to(dtype), _by_step(b.to(dtype), width), _by_step(c.to(dtype), width)
    state = u.new_zeros((batch, width, a.shape[-1]), dtype=dtype)
    outputs = []
    for start in range(0, length, _STEPS):
        now = slice(start, start + _STEPS)
        # What does not change with time has one step only.
        writes, reads = (each[now] if len(each) > 1 else each for each in (write, read))
        kept = torch.exp(steps[now, ..., None] * a)
        added = (steps[now] * inputs[now])[..., None] * writes
        states = _states(state, kept, added)
        state = states[-1]
        outputs.append(_read(states, reads))
    y = torch.cat(outputs).permute(1, 2, 0)
    y = y if d is None else y + u.to(dtype) * d.to(dtype)[:, None]
    y = y if z is None else y * functional.silu(z.to(dtype))
    return y.to(u.dtype).contiguous(), state


def _states(state: Tensor, kept: Tensor, added: Tensor) -> Tensor:
    """Go on from a state: (steps, batch, width, states), the state after each step."""
    if not torch.is_grad_enabled():
        # In place: half the time of a pass over an image.
        for decay, new in zip(kept.unbind(), added.unbind(), strict=True):
            state = new.addcmul_(decay, state)
        return added
    states = []
    for decay, new in zip(kept.unbind(), added.unbind(), strict=True):
        state = torch.addcmul(new, decay, state)
        states.append(state)
    return torch.stack(states)


def _read(states: Tensor, reads: Tensor) -> Tensor:
    """Multiply states by C: (steps, batch, width)."""
    if reads.shape[2] == 1:
        return (states @ reads.transpose(-1, -2)).squeeze(-1)
    return (states * reads).sum(-1)


def _by_step(matrix: Tensor, width: int) -> Tensor:
    """Bring B or C to (length or 1, batch or 1, width or 1, states)."""
    if matrix.ndim == 2:
        return matrix[None, None]
    if matrix.ndim == 3:
        return matrix.permute(2, 0, 1)[:, :, None]
    return matrix.repeat_interleave(width // matrix.shape[1], 1).permute(3, 0, 1, 2)


REPLACES = ("mamba_ssm", "mamba_ssm.ops.selective_scan_interface")
NAMES: dict[str, object] = {
    "selective_scan_fn": selective_scan_fn,
    "selective_scan_ref": selective_scan_fn,
    "SelectiveScanFn": SelectiveScanFn,
}
