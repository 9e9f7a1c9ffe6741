"""Which operators multiply no matrices and convolve nothing, class by class, each with its reason.

The cost of every one of them grows as the numbers that it is given and returns. An operator of none
of these classes that has no formula either (`esr.measure.counts.op_formulas`) and is not made of
others is unknown, and is named beside the figures.
"""

from __future__ import annotations

import re
from functools import cache

import torch
from torch._ops import OpOverload

_Pattern = re.Pattern[str]


def _any_of(names: str) -> _Pattern:
    return re.compile("|".join(names.split()))


MOVES = _any_of(
    r"alias arange as_strided cat clone constant_pad_nd contiguous copy detach empty empty_like"
    r" empty_strided expand fill full full_like gather index index_select lift lift_fresh linspace"
    r" new_empty new_full new_ones new_zeros ones ones_like permute pixel_shuffle pixel_unshuffle"
    r" reflection_pad2d repeat replication_pad2d reshape roll scalar_tensor select slice split"
    r" squeeze stack t transpose unfold unsqueeze view zero zeros zeros_like local_scalar_dense"
    r" reshape_alias to_copy unsafe_view im2col col2im channel_shuffle native_channel_shuffle flip"
    r" rot90 is_pinned set resize"
)
"""Numbers are moved or made, none is computed; they count no arithmetic."""

ACTIVATIONS = _any_of(
    r"abs celu clamp clamp_max clamp_min elu gelu glu hardshrink hardsigmoid hardswish hardtanh"
    r" leaky_relu log_sigmoid max_pool2d_with_indices maximum minimum mish neg prelu prelu_kernel"
    r" relu relu6 selu sigmoid silu softmax softplus tanh threshold"
)
"""Non-linearities: no convolution can be made of them; they count no arithmetic."""

_REARRANGE = _any_of(
    r"to (new_)?(empty|zeros|ones|full|randn?|randint|randperm)"
    r"(_(like|strided|permuted|\w*quantized))?"
    r" range logspace eye"
    r" .*_window fft_r?fftfreq tril triu (tril|triu)_indices diag_embed block_diag diagonal"
    r" .*scatter index_(copy|fill|put)(_impl)? unsafe_index(_put)?"
    r" unsafe_masked_index(_put_accumulate)? put take masked_(fill|select|scatter)"
    r" nonzero(_static)? repeat_interleave .*pad[123]d"
    r" chunk_cat embedding(_dense)? lu_unpack from_file pin_memory .*resize.* record_stream"
    r" lazy_clone copy_from(_and_resize)? neg_view conj indices values"
    r" (unsafe_)?split(_with_sizes)? unbind narrow view_as_.+ fw_primal make_dual .*_indices"
    r" make_dep_token efficientzerotensor lift(_fresh)? reinterpret_tensor"
    r" new_zeros_with_same_feature_meta"
)
"""The same of rarer kinds: numbers are made, chosen or put elsewhere, at most added up there."""

_LAYOUTS = _any_of(
    r"(to_)?(sparse|dense|mkldnn|padded_tensor)(_(coo|csr|csc|bsr|bsc|semi_structured|compressed"
    r"|broadcast|tensor|mask|projection|with|dims|and|tensors|unsafe|to|resize|clear|sum|prod|softmax"
    r"|log|apply|dense|tile))* copy_sparse_to_sparse coalesced? spdiags .*convert_indices_from.*"
    r" nested_(from|get|tensor|view|compute|select|sum)(_.+)? jagged_to_padded_dense"
    r" padded_dense_to_jagged (pack|pad)_(padded|packed)_sequence"
    r" mkldnn_(reshape|transpose|reorder_.+) .*reorder.*weight get_mkldnn_serialized_md"
    r" cslt_compress .*_prepack(_.+)? .*unpack(_.+)? .*_pack_\w*weight"
    r" convert_weight_to_int4pack(_for_cpu)?"
    r" cudnn_rnn_flatten_weight cudnn_init_dropout_state linear_prepack_.+"
    r" .*wrapped_fbgemm_pack_.+ .*wrapped_linear_prepack"
)
"""Storage of sparse, nested, packed and library tensors; sums along their axes."""

_ELEMENTWISE = _any_of(
    r"q?(add|sub|mul|div|cat)(_(scalar|relu))* addcmul addcdiv pow clamp_(min|max) complex"
    r" polar rsub floor_divide bitwise_.+ __.+shift__ native_dropout masked_scale nextafter"
    r" isin .*quantiz.+_tensor.* .*fake_quantize.+ (de)?quantize(_.+)? int_repr q_per_channel_.+"
    r" fused_moving_avg_obs_fq accumulate amp_.+ fused_(adam|adamw|sgd|adagrad)"
    r" thnn_fused_(lstm|gru)_cell transform_bias_rescale_qkv linalg_cross log_sigmoid hardswish"
    r" elu selu xlogy logaddexp2? binary_cross_entropy(_with_logits)? .*_loss(2d|_nd)?"
    r" rrelu_with_noise infinitely_.*gelu (fused_)?dropout softshrink hardshrink glu .*Bfloat16.*"
)
"""Each result is made of the numbers at its own place, with a state or a parameter beside it."""

_REDUCTIONS = _any_of(
    r"(nan)?sum (nan)?median mean prod norm native_norm a?max a?min aminmax argmax argmin any all"
    r" is_(all|any)_true count_nonzero std var (std|var)_mean logsumexp linalg_vector_norm"
    r" (linalg_)?_?powsum cum(sum|prod|max|min) logcumsumexp trace dist hash_tensor mode kthvalue"
    r" sort topk searchsorted bucketize unique(2|_dim|_consecutive|_dim_consecutive)? bincount"
    r" histc histogram(dd_.+)? segment_reduce (scatter|index)_(add|reduce) index_add"
    r" (log_|safe_|masked_)?softmax embedding_bag(_dense)? value_selecting_reduction"
)
"""Each number enters one result of its row, by a sum, a comparison or the like."""

_NORMALIZATIONS = _any_of(
    r"(native_|cudnn_|miopen_|quantized_|fused_)?(batch|group|layer|rms|instance)_norm(\d?d|_legit|_no"
    r"|_training|_backward|_elemt|_reduce|_stats|_gather|_with|_counts|_update|_relu)*"
    r" q?batch_norm2d"
    r" weight_norm_interface (embedding_)?renorm"
)
"""Mean and deviation of a group, and one scale and shift for each of its numbers."""

_WINDOWS = _any_of(
    r".*pool[123]d(_with_indices)? max_unpool[23]d upsample_.+ .*grid_sampler(_[23]d.*)? unfold"
)
"""A fixed rule over the few neighbours of each result: pooling and resampling."""

_RANDOM = _any_of(
    r"bernoulli binomial cauchy exponential geometric log_normal multinomial normal poisson random"
    r" uniform standard_gamma .*dirichlet.* philox_.+ fill_mem_eff_dropout_mask rand_?like"
)
"""Numbers are drawn."""

_CHECKS = _any_of(r".*assert.* functional_sym_constrain_range.* .*_ctc_loss foobar test_.+ print")
"""Nothing is computed of an image; alignment of labels; operators for PyTorch's own tests."""

_NOTHING = (MOVES, ACTIVATIONS, _REARRANGE, _LAYOUTS, _ELEMENTWISE, _REDUCTIONS, _NORMALIZATIONS,
            _WINDOWS, _RANDOM, _CHECKS)  # fmt: skip

_ENDINGS = re.compile(
    r"(_(copy|out|forward|backward|jvp|grad|data|impl|helper|functional|no_update|with_update"
    r"|update_stats|tensor_qparams|cachemask|cpu_fallback|2bit|4bit|byte|rowwise_offsets))+$"
)
"""What is added to a name for a part, the derivative or another kind of call."""


def stem(operator: str) -> str:
    """Reduce an operator to what it does: `_foreach_abs_` to `abs`, `gelu_backward` to `gelu`."""
    name = operator if operator.startswith("__") else operator.strip("_")
    return _ENDINGS.sub("", name.removeprefix("foreach_")) or name


def is_composite(func: OpOverload) -> bool:
    """Tell whether an operator is made of others, by a rule of PyTorch's own that is not Python.

    The rules in Python import hundreds of modules when they are first used, and PyTorch does not
    use them where a network runs.
    """
    kernel = torch._C._dispatch_has_kernel_for_dispatch_key
    return kernel(str(func._name), "CompositeImplicitAutograd")


@cache
def multiplies_nothing(func: OpOverload) -> bool:
    """Tell whether an operator is known to multiply no matrices and to convolve nothing."""
    schema = func._schema
    if not schema.is_mutable and not any("Tensor" in str(each.type) for each in schema.returns):
        return True  # Sizes, numbers and answers.
    if func.is_view or torch.Tag.pointwise in func.tags:
        return True
    name = stem(func._opname)
    return _is_pointwise(name) or any(pattern.fullmatch(name) for pattern in _NOTHING)


def _is_pointwise(name: str) -> bool:
    """Ask PyTorch for one of the overloads: those in place and on lists bear no tag."""
    packet = getattr(torch.ops.aten, name, None)
    overloads = packet.overloads() if packet else ()
    return any(torch.Tag.pointwise in getattr(packet, each).tags for each in overloads)


@cache
def is_free(func: OpOverload) -> bool:
    """Tell whether numbers are only moved or made."""
    return func.is_view or MOVES.fullmatch(_plain(func)) is not None


@cache
def is_activation(func: OpOverload) -> bool:
    """Tell whether it is a non-linearity."""
    return ACTIVATIONS.fullmatch(_plain(func)) is not None


def _plain(func: OpOverload) -> str:
    return func._opname.strip("_")
