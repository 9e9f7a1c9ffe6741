"""One name for what PyTorch does by another operator on each device.

The dispatcher sees `aten::native_batch_norm` on a CPU where it sees `aten::cudnn_batch_norm` on an
NVIDIA GPU; older versions of PyTorch have further names of the same. Two records of a network must
not differ by what they were counted on, so operators are noted by the name under which PyTorch
offers them. Source: aten/src/ATen/native/native_functions.yaml of PyTorch 2.6 to 2.13.
"""

from __future__ import annotations

from collections.abc import Mapping

_KERNELS: Mapping[str, str] = {
    "batch_norm": "native_batch_norm cudnn_batch_norm miopen_batch_norm _native_batch_norm_legit"
    " _native_batch_norm_legit_no_training _native_batch_norm_legit_functional"
    " _batch_norm_with_update _batch_norm_with_update_functional _batch_norm_no_update"
    " _batch_norm_impl_index",
    "convolution": "_convolution cudnn_convolution cudnn_convolution_transpose miopen_convolution"
    " miopen_convolution_transpose miopen_depthwise_convolution mkldnn_convolution"
    " _mps_convolution _mps_convolution_transpose _nnpack_spatial_convolution _conv_depthwise2d"
    " conv_depthwise3d _slow_conv2d_forward slow_conv3d slow_conv3d_forward slow_conv_dilated2d"
    " slow_conv_dilated3d slow_conv_transpose2d slow_conv_transpose3d thnn_conv2d"
    " convolution_overrideable",
    "convolution_relu": "cudnn_convolution_relu miopen_convolution_relu",
    "convolution_add_relu": "cudnn_convolution_add_relu miopen_convolution_add_relu",
    "scaled_dot_product_attention": "_scaled_dot_product_flash_attention"
    " _scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_efficient_attention"
    " _scaled_dot_product_cudnn_attention _scaled_dot_product_fused_attention_overrideable"
    " _scaled_dot_product_attention_math _scaled_dot_product_attention_math_for_mps"
    " _triton_scaled_dot_attention _flash_attention_forward _efficient_attention_forward"
    " _cudnn_attention_forward _flash_attention_forward_no_dropout_inplace",
    "rnn": "_cudnn_rnn miopen_rnn mkldnn_rnn_layer _lstm_mps",
    "linear": "mkldnn_linear",
    "max_pool2d": "max_pool2d_with_indices mkldnn_max_pool2d _mps_max_pool2d",
    "max_pool3d": "max_pool3d_with_indices mkldnn_max_pool3d",
    "adaptive_avg_pool2d": "_adaptive_avg_pool2d mkldnn_adaptive_avg_pool2d",
    "grid_sampler_2d": "_grid_sampler_2d_cpu_fallback cudnn_grid_sampler",
    "affine_grid_generator": "cudnn_affine_grid_generator",
    "dropout": "native_dropout _fused_dropout",
    "rms_norm": "_fused_rms_norm",
    "ctc_loss": "_ctc_loss _cudnn_ctc_loss miopen_ctc_loss",
}
"""By the name PyTorch offers: kernels of one device or library that do the same."""

_NAMES = {
    f"aten::{kernel}": f"aten::{name}"
    for name, kernels in _KERNELS.items()
    for kernel in kernels.split()
}


def canonical_name(operator: str) -> str:
    """Name an operator without the device or library that carries it out.

    Args:
        operator: namespace and name without overload, e.g. `aten::cudnn_batch_norm`.
    """
    return _NAMES.get(operator, operator)


def kernels() -> frozenset[str]:
    """List the names of kernels of one device or library."""
    return frozenset(_NAMES)
