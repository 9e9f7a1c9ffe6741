"""From what a checkpoint file holds to the state_dict of a network: wrappers and prefixes undone.

Training frameworks put the state_dict into dictionaries (`params_ema`) and put prefixes before its
keys (`module.`). Whatever is undone is undone because the keys are then exactly the network's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from esr.base.errors import UserError
from esr.measure.loading.key_prefixes import TOOL_PARTS, ambiguous, bare, match_keys
from esr.submissions.foreign_file import SAVE_PLAIN

WRAPPERS = ("params_ema", "params", "state_dict", "model_state_dict", "model", "net")
"""Keys under which training frameworks put the state_dict, in order of preference."""

StateDict = Mapping[str, Tensor]

_LEFT_BY_THOP = ("total_ops", "total_params")
_DEPTH = 3
_NAMED_AT_MOST = 3


@dataclass(frozen=True)
class FittedState:
    """A state_dict, as a network takes it."""

    state: StateDict
    remark: str = ""
    """What was done to the keys of the file; empty if nothing."""


def fit(loaded: object, path: Path, wanted: Collection[str]) -> FittedState:
    """Unwrap a state_dict and strip the prefixes that tools add.

    Args:
        loaded: what the file held.
        path: the file, for the message.
        wanted: keys of the network; a prefix stays if they have it too.

    Raises:
        UserError: no state_dict inside, or several that could be meant.
    """
    state = unwrap(loaded)
    fitted = _fit_exactly(state, path, wanted) if state is not None else None
    fitted = fitted or _fit_inner(loaded, path, wanted)
    if fitted is not None:
        return fitted
    if state is None:
        raise UserError(
            f"holds no state_dict, but {_describe(loaded)}", where=path.name, remedy=SAVE_PLAIN
        )
    return _strip_tools(state, wanted)


def canonical(loaded: object, path: Path, wanted: Collection[str]) -> StateDict:
    """Unwrap and strip as `fit`, for those who need no remark."""
    return fit(loaded, path, wanted).state


def unwrap(loaded: object, depth: int = _DEPTH) -> StateDict | None:
    """Find the state_dict under the keys in `WRAPPERS`; None if there is none.

    Args:
        loaded: what the file held; it may hold itself.
        depth: so many wrappers at most are one in another.
    """
    if not isinstance(loaded, Mapping) or depth < 0:
        return None
    if all(_is_state(key, value) for key, value in loaded.items()):
        return loaded
    inner = (unwrap(loaded[key], depth - 1) for key in WRAPPERS if key in loaded)
    return next((state for state in inner if state is not None), None)


def _fit_inner(loaded: object, path: Path, wanted: Collection[str]) -> FittedState | None:
    """Look for the one state_dict under whatever key that is the network's."""
    fitting = {
        name: fitted
        for name, state in _inner_states(loaded, (), _DEPTH, set())
        if (fitted := _fit_exactly(state, path, wanted)) is not None
    }
    if len(fitting) > 1:
        raise ambiguous(path, list(fitting))
    for name, fitted in fitting.items():
        of_keys = f"; {fitted.remark}" if fitted.remark else ""
        return FittedState(fitted.state, f"it was found under '{name}'{of_keys}")
    return None


def _inner_states(
    loaded: object, above: tuple[object, ...], depth: int, seen: set[int]
) -> Iterator[tuple[str, StateDict]]:
    """List the state_dicts under whatever keys, with these; what holds some is looked into once."""
    if not isinstance(loaded, Mapping) or not loaded or not depth:
        return
    if all(_is_state(key, value) for key, value in loaded.items()):
        yield "/".join(map(str, above)), loaded
        return
    if id(loaded) in seen:
        return
    seen.add(id(loaded))
    for key, value in loaded.items():
        yield from _inner_states(value, (*above, key), depth - 1, seen)


def _is_state(key: object, value: object) -> bool:
    # PyTorch itself puts what `get_extra_state` returns, and packed weights, beside the tensors.
    return isinstance(key, str) and (
        isinstance(value, Tensor) or key.endswith("_extra_state") or is_packed(key)
    )


def is_packed(key: str) -> bool:
    """Tell whether a key is of the packed weights of a quantized layer."""
    return "_packed_params" in key.split(".")


def _fit_exactly(state: StateDict, path: Path, wanted: Collection[str]) -> FittedState | None:
    """Undo what makes the keys exactly those of the network; None if nothing does."""
    if state.keys() == set(wanted):
        return FittedState(state)
    is_more = state.keys() >= set(wanted)
    keys = [key for key in state if key in wanted or key.split(".")[-1] not in _LEFT_BY_THOP]
    if is_more and len(keys) > len(wanted):
        return None
    sources = match_keys(
        {key: key for key in keys}, {key: key for key in wanted}, path
    ) or match_keys({bare(key): key for key in keys}, {bare(key): key for key in wanted}, path)
    if sources is None or len(sources) != len(wanted):
        return None
    return FittedState({key: state[sources[key]] for key in sources}, _remark(sources, state))


def _remark(sources: Mapping[str, str], state: StateDict) -> str:
    renamed = [(key, source) for key, source in sources.items() if key != source]
    used = set(sources.values())
    unused = [key for key in state if key not in used]
    parts = []
    if renamed:
        key, source = renamed[0]
        more = f", and {len(renamed) - 1} more likewise" if len(renamed) > 1 else ""
        parts.append(f"its '{source}' was loaded as '{key}'{more}")
    if unused:
        parts.append(f"{len(unused)} keys beside the network were left out ({shorten(unused)})")
    return "; ".join(parts)


def _strip_tools(state: StateDict, wanted: Collection[str]) -> FittedState:
    """Strip what only wrappers of modules add, also where the rest does not fit exactly."""
    stripped = state
    for _ in TOOL_PARTS:
        for part in TOOL_PARTS:
            prefix = f"{part}."
            everywhere = stripped and all(key.startswith(prefix) for key in stripped)
            if everywhere and not any(key.startswith(prefix) for key in wanted):
                stripped = {key.removeprefix(prefix): value for key, value in stripped.items()}
    if stripped is state:
        return FittedState(state)
    sources = dict(zip(stripped, state, strict=True))
    return FittedState(stripped, _remark(sources, state))


def _describe(loaded: object) -> str:
    if not isinstance(loaded, Mapping):
        return f"a {type(loaded).__name__}"
    foreign = [
        f"'{key}' ({type(value).__name__})"
        for key, value in loaded.items()
        if not _is_state(key, value)
    ]
    return f"a dictionary with {shorten(foreign)}"


def shorten(names: list[str]) -> str:
    """List some names and count the others."""
    rest = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {rest} more" if rest > 0 else "")
