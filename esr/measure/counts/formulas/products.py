"""Multiply-adds of products: matrices and vectors, dense, sparse, grouped or packed, and distances.

Definitions: docs.pytorch.org, each operator's own page. Of a sparse matrix what is stored counts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

_COMPRESSED = (torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc)


def stored(tensor: Tensor) -> int:
    """Count the elements in memory: of a sparse tensor those that are not left out."""
    if tensor.layout == torch.sparse_coo:
        return tensor._values().numel()
    return (tensor.values() if tensor.layout in _COMPRESSED else tensor).numel()


def _product(left: Tensor, right: Tensor, *_: object, **__: object) -> int:
    """(.., m, k) x (.., k, n), or a vector on either side."""
    if left.is_sparse and right.is_sparse:
        return _meeting(left.coalesce(), right.coalesce())
    if right.is_sparse or right.layout in _COMPRESSED:
        return stored(right) * (left.size(-2) if left.ndim > 1 else 1)
    return stored(left) * (right.size(-1) if right.ndim > 1 else 1)


def _meeting(left: Tensor, right: Tensor) -> int:
    """Count the pairs of stored elements that meet in the product of two sparse matrices."""
    columns, rows = left.indices()[1], right.indices()[0]
    inner = left.shape[-1]
    met = torch.bincount(columns, minlength=inner) * torch.bincount(rows, minlength=inner)
    return int(met.sum())


def _added(_: Tensor, left: Tensor, right: Tensor, *__: object, **___: object) -> int:
    return _product(left, right)


def _sampled(kept: Tensor, left: Tensor, *_: object, **__: object) -> int:
    return stored(kept) * left.shape[-1]


def _vector(left: Tensor, *_: object, **__: object) -> int:
    return left.numel()


def _outer(_: Tensor, left: Tensor, right: Tensor, *__: object, **___: object) -> int:
    return left.numel() * right.numel()


def _each(lefts: Iterable[Tensor], rights: Iterable[Tensor], *_: object, **__: object) -> int:
    return sum(_product(left, right) for left, right in zip(lefts, rights, strict=True))


def _features(given: Tensor, *_: object, out: Any, **__: object) -> int:  # noqa: ANN401
    """Every output is a sum over all input features, however the weight is packed."""
    return _result(out).numel() * given.size(-1)


def _result(out: Any) -> Tensor:  # noqa: ANN401
    result: Tensor = out if isinstance(out, Tensor) else out[0]
    return result


def _two_products(left: Tensor, right: Tensor, more: Tensor, last: Tensor, **_: object) -> int:
    return _product(left, right) + _product(more, last)


def _grouped(left: Tensor, right: Tensor, *_: object, out: Tensor, **__: object) -> int:
    """Groups of two matrices share the inner side, others are parts of an outer side."""
    each = out.numel() * left.shape[-1]
    return each // out.shape[0] if left.ndim == right.ndim == 2 else each


def _half_stored(given: Tensor, weight: Tensor, *_: object, out: Tensor, **__: object) -> int:
    """Of each four elements of the weight two are stored: (out, in / 2)."""
    return given.numel() // given.shape[-1] * weight.numel()


def _half_stored_left(left: Tensor, _: Tensor, right: Tensor, *__: object, **___: object) -> int:
    return left.numel() * right.shape[-1]


def _half_stored_added(_: Tensor, *args: Any, out: Tensor, **__: object) -> int:  # noqa: ANN401
    return _half_stored_left(*args, out=out)


def _half_stored_packed(_: Tensor, right: Tensor, *__: object, out: Tensor, **___: object) -> int:
    return out.numel() * right.shape[0] // 2


def _trilinear(*args: Any, **_: object) -> int:  # noqa: ANN401
    """Sum products of three over a common shape: at least one multiply-add an element of it."""
    shapes = []
    for tensor, new_axes in zip(args[:3], args[3:6], strict=True):
        grown = tensor
        for axis in new_axes:
            grown = grown.unsqueeze(axis)
        shapes.append(grown.shape)
    return math.prod(torch.broadcast_shapes(*shapes))  # type: ignore[no-untyped-call]


def _distances_backward(grad: Tensor, given: Tensor, *_: object, **__: object) -> int:
    return grad.numel() * given.shape[-1]


def _weighted_rows(_: object, rows: Tensor, *args: Any, out: Any, **kwargs: Any) -> int:  # noqa: ANN401
    """Sum rows by weights; without weights nothing is multiplied."""
    weights = kwargs.get("per_sample_weights", args[4] if len(args) > 4 else None)
    return 0 if weights is None else rows.numel() * _result(out).shape[-1]


def _row_weights_backward(
    _: Tensor, weight: Tensor, indices: Tensor, *__: object, **___: object
) -> int:
    return indices.numel() * weight.shape[-1]


def _linear_backward(given: Tensor, grad: Tensor, *_: object, **__: object) -> int:
    return 2 * grad.numel() * given.shape[-1]


def _product_backward(grad: Tensor, left: Tensor, *_: object, **__: object) -> int:
    return 2 * grad.numel() * left.shape[-1]


def _linear_backward_input(_: object, grad: Tensor, weight: Tensor, **__: object) -> int:
    return grad.numel() * weight.shape[-1]


def _grid_backward(grad: Tensor, *_: object, **__: object) -> int:
    """Multiply with the places of all pixels: x, y and 1."""
    return grad.numel() * 3


def _combination(given: Tensor, coefficients: Tensor, **_: object) -> int:
    return given.numel() * coefficients.shape[0]


PRODUCTS: Mapping[str, Callable[..., int]] = {
    **dict.fromkeys(
        ("mm", "bmm", "mv", "_int_mm", "_scaled_mm", "_scaled_mm_v2", "hspmm", "_spsolve",
         "_sparse_sparse_matmul", "_sparse_mm_reduce_impl"), _product),
    **dict.fromkeys(
        ("addmm", "baddbmm", "addbmm", "addmv", "_addmm_activation", "_sparse_addmm", "sspaddmm"),
        _added),
    **dict.fromkeys(
        ("linear", "matmul", "mkldnn_linear", "fbgemm_linear_fp16_weight",
         "fbgemm_linear_fp16_weight_fp32_activation", "fbgemm_linear_int8_weight",
         "fbgemm_linear_int8_weight_fp32_activation", "_mixed_dtypes_linear",
         "_dyn_quant_matmul_4bit",
         "_weight_int4pack_mm", "_weight_int4pack_mm_for_cpu", "_weight_int8pack_mm",
         "_weight_int4pack_mm_with_scales_and_zeros", "_euclidean_dist", "_cdist_forward",
         "_pdist_forward", "affine_grid_generator", "cudnn_affine_grid_generator"), _features),
    **dict.fromkeys(("dot", "vdot"), _vector),
    **dict.fromkeys(("_grouped_mm", "_scaled_grouped_mm", "_scaled_grouped_mm_v2"), _grouped),
    **dict.fromkeys(("_cdist_backward", "_pdist_backward"), _distances_backward),
    **dict.fromkeys(("_embedding_bag", "_embedding_bag_forward_only"), _weighted_rows),
    **dict.fromkeys(("linear_backward", "mkldnn_linear_backward"), _linear_backward),
    "addr": _outer,
    "sparse_sampled_addmm": _sampled,
    "_foreach_mm": _each,
    "_sparse_semi_structured_linear": _half_stored,
    "_sparse_semi_structured_mm": _half_stored_left,
    "_sparse_semi_structured_addmm": _half_stored_added,
    "_cslt_sparse_mm": _half_stored_packed,
    "_trilinear": _trilinear,
    "_embedding_bag_per_sample_weights_backward": _row_weights_backward,
    "matmul_backward": _product_backward,
    "_sparse_mm_reduce_impl_backward": _product_backward,
    "mkldnn_linear_backward_input": _linear_backward_input,
    "mkldnn_linear_backward_weights": _distances_backward,
    "_compute_linear_combination": _combination,
    "cudnn_affine_grid_generator_backward": _grid_backward,
}  # fmt: skip
"""By the name in ATen."""

PACKED_PRODUCTS: Mapping[str, Callable[..., int]] = {
    "inductor::_mm_plus_mm": _two_products,
    "quantized::matmul": _features,
    "quantized::int4mm_packed_weight_cpu": _features,
    "_native::_foreach_mm_native_0": _each,
    **{
        f"quantized::embedding_bag_{bits}{offsets}": _weighted_rows
        for bits in ("byte", "4bit", "2bit")
        for offsets in ("", "_rowwise_offsets")
    },
}
"""By namespace and name."""

_LINEAR = re.compile(r"(?!.*(prepack(_|$)|unpack(_|$)|reorder|_pack_)).*linear.*")


def packed_linear(name: str) -> Callable[..., int] | None:
    """Choose the formula of an operator outside ATen; None if it is no linear layer."""
    return _features if _LINEAR.fullmatch(name.split("::")[1]) else None
