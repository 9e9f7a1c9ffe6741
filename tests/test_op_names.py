"""Names of operators, the same whatever the device: against PyTorch's own registry."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn

from esr.measure.counts import complexity
from esr.measure.counts.op_names import canonical_name, kernels

SIZE = (3, 16, 16)

_LIBRARIES = re.compile("cudnn|miopen|mkldnn|mps|nnpack|thnn|overrideable|_cpu|slow_conv|efficient")
_NOT_ALONE = {
    # A state, a layout or an answer, or no operator of networks.
    "_cudnn_init_dropout_state", "_cudnn_rnn_flatten_weight", "_use_cudnn_rnn_flatten_weight",
    "cudnn_is_acceptable", "_nnpack_available", "_use_cudnn_ctc_loss", "_use_miopen_ctc_loss",
    "to_mkldnn", "_mkldnn_reshape", "_mkldnn_transpose", "mkldnn_reorder_conv2d_weight",
    "mkldnn_reorder_conv3d_weight", "_to_cpu", "_efficientzerotensor",
    # Quantised products that only CPUs have.
    "_convert_weight_to_int4pack_for_cpu", "_weight_int4pack_mm_for_cpu",
    # One cell, which other devices take apart: no single operator is the same.
    "_thnn_fused_lstm_cell", "_thnn_fused_gru_cell",
}  # fmt: skip
"""Named after a library, and no kernel of what another device does by another name."""


def _registered() -> set[str]:
    names = torch._C._dispatch_get_all_op_names()
    return {name.partition(".")[0] for name in names if name.startswith("aten::")}


def test_whatever_is_named_after_a_library_has_a_name_without() -> None:
    ours = {name for name in _registered() if _LIBRARIES.search(name)}
    forward = {name.removeprefix("aten::").rstrip("_") for name in ours if "backward" not in name}
    assert {f"aten::{name}" for name in forward - _NOT_ALONE} <= kernels()


def test_every_kernel_is_one_of_this_pytorch() -> None:
    # `_mps_max_pool2d` was `aten::mps_max_pool2d` to few versions; the rest has been there since 2.6.
    newer = {"aten::_mps_max_pool2d", "aten::_scaled_dot_product_attention_math_for_mps",
             "aten::_fused_rms_norm", "aten::_flash_attention_forward_no_dropout_inplace",
             "aten::_cudnn_attention_forward", "aten::miopen_ctc_loss"}  # fmt: skip
    assert kernels() - _registered() <= newer


def test_a_name_leads_to_no_further_one() -> None:
    assert {canonical_name(canonical_name(name)) for name in kernels()} == {
        canonical_name(name) for name in kernels()
    }
    assert canonical_name("aten::add") == "aten::add"
    assert canonical_name("mine::cudnn_batch_norm") == "mine::cudnn_batch_norm"


class _Normalized(nn.Module):
    """What `batch_norm` comes down to on some device."""

    def __init__(self, kernel: str) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.kernel = kernel

    def forward(self, x: Tensor) -> Tensor:
        norm, y = self.norm, self.conv(x)
        state = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
        if self.kernel == "native":
            return torch.ops.aten.native_batch_norm(y, *state, False, 0.1, 1e-5)[0]
        return torch.ops.aten._native_batch_norm_legit_no_training(y, *state, 0.1, 1e-5)[0]


@pytest.mark.parametrize("kernel", ["native", "legit"])
def test_counts_do_not_tell_which_kernel_it_was(kernel: str) -> None:
    seen = complexity.count(_Normalized(kernel), SIZE).dispatched
    assert seen is not None
    assert [(op.name, op.calls) for op in seen.uncounted] == [("aten::batch_norm", 1)]
    assert seen.arithmetic == 4 * 14 * 14
