"""From a model file and a checkpoint to a network that is ready to restore images.

Only the worker comes here: importing a model file runs somebody else's code.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from types import ModuleType

from torch import Tensor, nn

from esr.base.errors import UserError
from esr.submissions.checkpoint_file import SAVE_PLAIN, first_line, read_checkpoint
from esr.submissions.submission import Submission

__all__ = ["WRAPPERS", "build", "canonical", "import_model", "load", "read_checkpoint"]

WRAPPERS = ("params_ema", "params", "state_dict", "model_state_dict", "model", "net")
"""Keys under which training frameworks put the state_dict, in order of preference."""

StateDict = Mapping[str, Tensor]

_PREFIX = "module."
_NAMED_AT_MOST = 3


def import_model(path: Path) -> ModuleType:
    """Import a model file under the name an official fork gives it, `models.team00_RFDN`."""
    name = f"models.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError("is no Python file", where=path)
    module = importlib.util.module_from_spec(spec)
    # Registered first, as Python itself does: dataclasses and pickles look their module up.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def build(module: ModuleType, submission: Submission) -> nn.Module:
    """Construct the submission's network.

    Raises:
        UserError: there is no such class, or it is no network.
    """
    name = submission.sidecar.arch or _last_class(submission.model_file)
    remedy = f'name the network with arch = "..." in {submission.model_file.stem}.toml'
    architecture = getattr(module, name, None)
    if not isinstance(architecture, type):
        raise UserError(f"has no class '{name}'", where=submission.model_file.name, remedy=remedy)
    network = architecture(**submission.sidecar.kwargs)
    if not isinstance(network, nn.Module):
        raise UserError(
            f"class '{name}' is no torch.nn.Module", where=submission.model_file.name, remedy=remedy
        )
    return network


def _last_class(path: Path) -> str:
    classes = [
        node.name for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.ClassDef)
    ]
    if not classes:
        raise UserError("holds no class, so no network", where=path.name)
    return classes[-1]


def load(network: nn.Module, path: Path, *, strict: bool, trusted: bool = False) -> None:
    """Load a checkpoint into the network.

    Args:
        network: receives the parameters and buffers.
        path: file written by `torch.save`; a flat state_dict, or one inside a known wrapper.
        strict: whether keys may be neither missing nor unexpected.
        trusted: whether code in the file may be run.

    Raises:
        UserError: the file is no checkpoint, holds code, or does not fit the network.
    """
    wanted = network.state_dict()
    state = canonical(read_checkpoint(path, trusted=trusted), path, wanted.keys())
    try:
        network.load_state_dict(state, strict=strict)
    except RuntimeError as error:
        complaint = _mismatch(state, wanted, strict=strict) or first_line(str(error))
        raise UserError(
            f"does not fit the network: {complaint}",
            where=path.name,
            remedy="check that model file, kwargs and checkpoint belong together",
        ) from error


def _mismatch(state: StateDict, wanted: StateDict, *, strict: bool) -> str:
    complaints = {
        "missing": [key for key in wanted if strict and key not in state],
        "unexpected": [key for key in state if strict and key not in wanted],
        "wrong shape": [
            f"{key} is {_shape(state[key])}, the network has {_shape(wanted[key])}"
            for key in wanted
            if key in state and _shape(state[key]) != _shape(wanted[key])
        ],
    }
    return "; ".join(
        f"{len(keys)} {kind} ({_shorten(keys)})" for kind, keys in complaints.items() if keys
    )


def canonical(loaded: object, path: Path, wanted: Collection[str]) -> StateDict:
    """Unwrap a state_dict and strip the prefix that `nn.DataParallel` leaves.

    Args:
        loaded: what the file held.
        path: the file, for the message.
        wanted: keys of the network; the prefix stays if they have it too.

    Raises:
        UserError: no state_dict inside.
    """
    state = _unwrap(loaded)
    if state is None:
        raise UserError(
            f"holds no state_dict, but {_describe(loaded)}", where=path.name, remedy=SAVE_PLAIN
        )
    prefixed = state and all(key.startswith(_PREFIX) for key in state)
    if prefixed and not any(key.startswith(_PREFIX) for key in wanted):
        return {key.removeprefix(_PREFIX): value for key, value in state.items()}
    return state


def _unwrap(loaded: object) -> StateDict | None:
    if not isinstance(loaded, Mapping):
        return None
    if all(_is_state(key, value) for key, value in loaded.items()):
        return loaded
    inner = (_unwrap(loaded[key]) for key in WRAPPERS if key in loaded)
    return next((state for state in inner if state is not None), None)


def _is_state(key: object, value: object) -> bool:
    # PyTorch itself puts what `get_extra_state` returns beside the tensors.
    return isinstance(key, str) and (isinstance(value, Tensor) or key.endswith("_extra_state"))


def _describe(loaded: object) -> str:
    if not isinstance(loaded, Mapping):
        return f"a {type(loaded).__name__}"
    foreign = [
        f"'{key}' ({type(value).__name__})"
        for key, value in loaded.items()
        if not _is_state(key, value)
    ]
    return f"a dictionary with {_shorten(foreign)}"


def _shape(value: object) -> str:
    return "x".join(map(str, getattr(value, "shape", ()))) or "a scalar"


def _shorten(names: list[str]) -> str:
    rest = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {rest} more" if rest > 0 else "")
