"""PyTorch's whole registry of operators: each multiplies by a formula, by its parts, or nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch._ops import OpOverload

from esr.measure.counts.fourier import is_fourier
from esr.measure.counts.op_classes import is_composite, multiplies_nothing
from esr.measure.counts.op_formulas import PACKING, formula_of


def registered() -> Iterator[OpOverload]:
    for full in sorted(torch._C._dispatch_get_all_op_names()):
        namespace, rest = full.split("::")
        name, _, overload = rest.partition(".")
        if namespace in ("aten", *PACKING):
            yield getattr(getattr(getattr(torch.ops, namespace), name), overload or "default")


def test_every_operator_stands_in_one_of_the_lists():
    operators = list(registered())
    # Version 2.6 has 3604 operators in all namespaces; an empty walk would prove nothing.
    assert len(operators) > 2500
    unknown = {
        func._schema.name
        for func in operators
        if not (formula_of(func._schema.name) or is_composite(func))
        and not (is_fourier(func) or multiplies_nothing(func))
    }
    assert unknown == set()


PRODUCTS = [
    "mm",
    "bmm",
    "mv",
    "dot",
    "vdot",
    "addmm",
    "addmv",
    "addr",
    "addbmm",
    "baddbmm",
    "convolution",
    "linear",
    "matmul",
    "conv_tbc",
    "cudnn_convolution",
    "mkldnn_convolution",
    "miopen_convolution",
    "slow_conv3d_forward",
    "_conv_depthwise2d",
    "slow_conv_transpose2d",
    "cudnn_convolution_transpose",
    "convolution_backward",
    "_int_mm",
    "_scaled_mm",
    "_weight_int8pack_mm",
    "_weight_int4pack_mm",
    "_addmm_activation",
    "_trilinear",
    "_cudnn_rnn",
    "mkldnn_rnn_layer",
    "miopen_rnn",
    "quantized_lstm",
    "_cdist_forward",
    "_euclidean_dist",
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_cudnn_attention",
    "_scaled_dot_product_flash_attention_for_cpu",
    "_native_multi_head_attention",
    "_transformer_encoder_layer_fwd",
    "_sparse_addmm",
    "sspaddmm",
    "_linalg_solve_ex",
    "linalg_lu_factor_ex",
    "linalg_matrix_exp",
    "affine_grid_generator",
]
"""Operators that multiply matrices or convolve, by their documentation and not by our lists."""


@pytest.mark.parametrize("name", PRODUCTS)
def test_an_operator_that_multiplies_has_a_formula_and_is_not_said_to_do_nothing(name):
    packet = getattr(torch.ops.aten, name)
    assert formula_of(f"aten::{name}")
    overloads = [getattr(packet, overload) for overload in packet.overloads()]
    assert not any(multiplies_nothing(func) for func in overloads)


@pytest.mark.parametrize(
    "name",
    [
        *("quantized::linear_dynamic", "quantized::conv2d_relu", "quantized::conv_transpose2d"),
        *("onednn::qlinear_pointwise", "onednn::qconv2d_pointwise", "mkldnn::_linear_pointwise"),
        *("mkldnn::_convolution_pointwise_", "quantized::quantized_gru_cell_dynamic"),
    ],
)
def test_fused_operators_of_other_namespaces_have_formulas(name):
    assert formula_of(name)


@pytest.mark.parametrize("name", ["linear_prepack", "conv2d_unpack", "conv2d_stride", "add", "cat"])
def test_packing_a_weight_is_no_product(name):
    packet = getattr(torch.ops.quantized, name)
    assert formula_of(f"quantized::{name}") is None
    funcs = [getattr(packet, overload) for overload in packet.overloads()]
    assert all(multiplies_nothing(func) for func in funcs)


def test_an_operator_that_nobody_knows_is_in_no_list():
    assert formula_of("aten::brand_new_mm") is None
    library = torch.library.Library("aten", "FRAGMENT")
    library.define("brand_new_mm(Tensor a, Tensor b) -> Tensor")
    try:
        func = torch.ops.aten.brand_new_mm.default
        assert not is_composite(func)
        assert not multiplies_nothing(func)
    finally:
        library._destroy()
