"""The scan of a selective state space and the block around it, against definitions not ours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import cont2discrete, lfilter
from torch import nn
from torch.nn import functional

from esr.measure.counts.complexity import count
from esr.submissions.clone_session.stand_ins.mamba_block import Mamba
from esr.submissions.clone_session.stand_ins.selective_scan import selective_scan_fn


def _given(length: int = 9, width: int = 4, states: int = 3) -> list[torch.Tensor]:
    torch.manual_seed(1)
    u, delta = torch.randn(2, width, length), torch.rand(2, width, length)
    return [u, delta, -torch.rand(width, states) - 0.1,
            torch.randn(2, states, length), torch.randn(2, states, length)]  # fmt: skip


def test_what_does_not_change_with_time_is_a_recursive_filter() -> None:
    # One channel, one state: h_t = exp(d a) h_(t-1) + d b u_t, y_t = c h_t is the filter with
    # numerator c d b and denominator 1 - exp(d a) z^-1; a by zero-order hold as SciPy has it.
    a, b, c, step = -0.7, 1.3, 0.4, 0.25
    u = np.random.default_rng(0).standard_normal(5000)
    pole = cont2discrete((np.array([[a]]), np.eye(1), np.eye(1), np.eye(1)), step)[0][0, 0]
    expected = lfilter([c * step * b], [1.0, -pole], u)
    row = torch.tensor(u, dtype=torch.float32)[None, None]
    one = lambda value: torch.tensor([[value]])  # noqa: E731
    found = selective_scan_fn(row, torch.full_like(row, step), one(a), one(b), one(c))
    np.testing.assert_allclose(found[0, 0].numpy(), expected, atol=2e-6)


def test_groups_softplus_bias_skip_and_gate_are_what_they_are_called() -> None:
    u, delta, a, b, c = _given()
    bias, skip, z = torch.rand(4), torch.rand(4), torch.randn(2, 4, 9)
    plain = selective_scan_fn(u, functional.softplus(delta + bias[:, None]), a, b, c)
    gated = selective_scan_fn(u, delta, a, b, c, skip, z, bias, True)
    expected = (plain + u * skip[:, None]) * z * torch.sigmoid(z)
    torch.testing.assert_close(gated, expected)
    grouped = selective_scan_fn(u, delta, a, b[:, None].repeat(1, 2, 1, 1), c)
    torch.testing.assert_close(grouped, selective_scan_fn(u, delta, a, b, c))
    # Two groups: each is a scan of its own half.
    other = torch.stack([b, -2 * b], 1)
    halves = selective_scan_fn(u, delta, a, other, c)
    lower = selective_scan_fn(u[:, 2:], delta[:, 2:], a[2:], -2 * b, c)
    torch.testing.assert_close(halves[:, 2:], lower)


def test_the_last_state_continues_the_sequence() -> None:
    # One step more is exp(d a) h + d b u: worked by hand from the state before.
    u, delta, a, b, c = _given(length=6)
    _, before = selective_scan_fn(*(each[..., :5] for each in (u, delta)), a, b[..., :5],
                                  c[..., :5], return_last_state=True)  # fmt: skip
    y, _ = selective_scan_fn(u, delta, a, b, c, return_last_state=True)
    step = delta[..., 5, None]
    state = torch.exp(step * a) * before + step * u[..., 5, None] * b[:, None, :, 5]
    torch.testing.assert_close(y[..., 5], (state * c[:, None, :, 5]).sum(-1))


def test_its_gradient_is_the_one_of_finite_differences() -> None:
    u, delta, a, b, c = (
        each.double().requires_grad_() for each in _given(length=3, width=2, states=2)
    )
    inputs = (u, delta, a, b, c)
    assert torch.autograd.gradcheck(
        lambda *given: selective_scan_fn(*given, delta_softplus=True),
        inputs,
    )  # fmt: skip


class _Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mixer = Mamba(3, d_state=5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        tokens = self.mixer(image.flatten(2).transpose(1, 2))
        return tokens.transpose(1, 2).reshape(image.shape)


def test_counters_see_one_opaque_operator_and_the_dispatcher_adds_nine() -> None:
    counts = count(_Tokens().eval(), (3, 8, 8))
    assert ("prim::PythonOp.SelectiveScanFn", 1) in [
        (each.name, each.calls) for each in counts.fvcore_uncounted
    ]
    # By hand, 64 tokens, inside 6 wide, rank 1, 5 states: in 3x12, convolution 6x4 on 67 steps,
    # x 6x11, delta 1x6, out 6x3, and the scan 9x6x5.
    tokens = 64 * (36 + 66 + 6 + 18 + 9 * 6 * 5)
    assert counts.flops_dispatch == tokens + 67 * 24
    assert counts.notes == ()


def test_the_block_is_the_one_of_transformers() -> None:
    mamba = pytest.importorskip("transformers.models.mamba.modeling_mamba")
    from transformers import MambaConfig

    torch.manual_seed(0)
    config = MambaConfig(hidden_size=24, state_size=8, conv_kernel=4, expand=2, use_bias=False)
    theirs = mamba.MambaMixer(config, layer_idx=0).eval()
    ours = Mamba(24, d_state=8).eval()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 50, 24)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), atol=1e-5, rtol=1e-4)
