"""Multiply-adds of recurrent layers and of attention, whatever library fuses them.

Definitions: docs.pytorch.org, pages of `nn.LSTM`, `nn.GRU`, `nn.RNN` and
`nn.functional.scaled_dot_product_attention`. Masks are not looked at: a causal one saves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor


def _recurrent(given: Tensor, *args: Any, **_: object) -> int:  # noqa: ANN401
    """Multiply each step of each sequence by every weight matrix once; biases are vectors.

    Args:
        given: (.., features).
        args: the weights, in a list or four of them one by one.
    """
    weights = args[:4] if isinstance(args[0], Tensor) else args[0]
    matrices: int = sum(weight.numel() for weight in weights if weight.ndim == 2)
    return _rows(given) * matrices


def _recurrent_backward(given: Tensor, *args: Any, **_: object) -> int:  # noqa: ANN401
    """Once for the input, once for the weights."""
    return 2 * _recurrent(given, *args)


def _recurrent_after_states(given: Tensor, _: object, *args: Any, **__: object) -> int:  # noqa: ANN401
    return _recurrent(given, *args)


def _recurrent_backward_of_mps(*args: Any, **_: object) -> int:  # noqa: ANN401
    return 2 * _recurrent(args[5], args[8])


def _packed_layers(gates: int) -> Callable[..., int]:
    """Count a stack of layers by its sizes, as its weights are packed."""

    def count(given: Tensor, *args: Any, **_: object) -> int:  # noqa: ANN401
        packed_sequence = len(args) > 2 and isinstance(args[2], list | tuple)
        states, _cells, _biases, layers, _dropout, _train, both = args[packed_sequence:][:7]
        hidden = _hidden(states)
        ways = 2 if both else 1
        width = given.shape[-1] + (layers - 1) * ways * hidden + layers * hidden
        return int(_rows(given) * ways * gates * hidden * width)

    return count


def _packed_cell(gates: int) -> Callable[..., int]:
    def count(given: Tensor, states: Any, *_: object, **__: object) -> int:  # noqa: ANN401
        hidden = _hidden(states)
        return _rows(given) * gates * hidden * (given.shape[-1] + hidden)

    return count


def _hidden(states: Any) -> int:  # noqa: ANN401
    return int((states if isinstance(states, Tensor) else states[0]).shape[-1])


def _rows(given: Tensor) -> int:
    return given.numel() // given.shape[-1]


def _attention(query: Tensor, key: Tensor, value: Tensor, *_: object, **__: object) -> int:
    """Meet each query with each key, and each score with each value: (.., tokens, features)."""
    return _rows(query) * key.shape[-2] * (query.shape[-1] + value.shape[-1])


def _attention_backward(_: Tensor, *args: Any, **__: object) -> int:  # noqa: ANN401
    """Make the scores anew, and multiply twice for each of the two products."""
    query, key, value = args[:3]
    return int(_rows(query) * key.shape[-2] * (3 * query.shape[-1] + 2 * value.shape[-1]))


def _projected(query: Tensor, key: Tensor, value: Tensor, *args: Any, **_: object) -> int:  # noqa: ANN401
    """Project query, key, value and the result as well: (batch, tokens, features)."""
    width = args[0]
    projected = _rows(query) + _rows(key) + _rows(value) + _rows(query)
    return int(projected * width**2 + _rows(query) * key.shape[-2] * 2 * width)


def _encoder_layer(given: Tensor, *args: Any, **_: object) -> int:  # noqa: ANN401
    """Count a whole nn.TransformerEncoderLayer: every matrix once a token, and the attention."""
    weights = [each for each in args[:17] if isinstance(each, Tensor) and each.ndim == 2]
    matrices = sum(weight.numel() for weight in weights)
    return _rows(given) * (matrices + given.shape[-2] * 2 * given.shape[-1])


def _selective_scan(u: Tensor, _: Tensor, a: Tensor, *__: object, **___: object) -> int:
    """Count 9 operations for each state of each step, as is usual for Mamba's scan."""
    return 9 * u.numel() * a.shape[-1]


SEQUENCES: Mapping[str, Callable[..., int]] = {
    **dict.fromkeys(("mkldnn_rnn_layer", "_cudnn_rnn", "miopen_rnn"), _recurrent),
    **dict.fromkeys(
        ("mkldnn_rnn_layer_backward", "_cudnn_rnn_backward", "miopen_rnn_backward"),
        _recurrent_backward),
    "_lstm_mps": _recurrent_after_states,
    "lstm_mps_backward": _recurrent_backward_of_mps,
    "quantized_lstm": _packed_layers(4),
    "quantized_gru": _packed_layers(3),
    **dict.fromkeys(
        ("_scaled_dot_product_flash_attention_for_cpu", "_triton_scaled_dot_attention",
         "_scaled_dot_product_fused_attention_overrideable", "_cudnn_attention_forward",
         "_scaled_dot_product_attention_math_for_mps",
         "_flash_attention_forward_no_dropout_inplace"), _attention),
    **dict.fromkeys(
        ("_scaled_dot_product_flash_attention_for_cpu_backward", "_cudnn_attention_backward",
         "_scaled_dot_product_fused_attention_overrideable_backward"), _attention_backward),
    **dict.fromkeys(("_native_multi_head_attention", "_triton_multi_head_attention"), _projected),
    "_transformer_encoder_layer_fwd": _encoder_layer,
}  # fmt: skip
"""By the name in ATen."""

PACKED_CELLS: Mapping[str, Callable[..., int]] = {
    "quantized::quantized_lstm_cell_dynamic": _packed_cell(4),
    "quantized::quantized_gru_cell_dynamic": _packed_cell(3),
    "quantized::quantized_rnn_relu_cell_dynamic": _packed_cell(1),
    "quantized::quantized_rnn_tanh_cell_dynamic": _packed_cell(1),
}
"""By namespace and name."""

STAND_IN_SEQUENCES: Mapping[str, Callable[..., int]] = {
    "esr_stand_in::selective_scan": _selective_scan,
}
"""Operators of `esr.submissions.clone_session.stand_ins`, by namespace and name."""
