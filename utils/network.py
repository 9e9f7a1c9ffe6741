"""From a model file and a checkpoint to a network that is ready to restore images.

Only the worker comes here: importing a model file runs somebody else's code.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from utils.errors import UserError
from utils.submission import Submission

WRAPPERS = ("params_ema", "params", "state_dict", "model_state_dict", "model", "net")
"""Keys under which training frameworks put the state_dict, in order of preference."""

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
    network = architecture(**submission.kwargs)
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


def load(network: nn.Module, path: Path, *, strict: bool) -> None:
    """Load a checkpoint into the network.

    Args:
        network: receives the parameters and buffers.
        path: file written by `torch.save`; a flat state_dict, or one inside a known wrapper.
        strict: whether keys may be neither missing nor unexpected.

    Raises:
        UserError: the file is no checkpoint, holds code, or does not fit the network.
    """
    state = canonical(read_checkpoint(path), path)
    wanted = network.state_dict()
    missing = [key for key in wanted if key not in state]
    unexpected = [key for key in state if key not in wanted]
    misshaped = [
        f"{key} is {_shape(state[key])}, the network has {_shape(wanted[key])}"
        for key in wanted
        if key in state and _shape(state[key]) != _shape(wanted[key])
    ]
    complaints = (
        {"wrong shape": misshaped}
        if not strict
        else {"missing": missing, "unexpected": unexpected, "wrong shape": misshaped}
    )
    text = "; ".join(
        f"{len(keys)} {kind} ({_shorten(keys)})" for kind, keys in complaints.items() if keys
    )
    if text:
        raise UserError(
            f"does not fit the network: {text}",
            where=path.name,
            remedy="check that model file, kwargs and checkpoint belong together",
        )
    network.load_state_dict(state, strict=strict)


def read_checkpoint(path: Path) -> object:
    """Read a checkpoint onto the CPU without running any code in it.

    Raises:
        UserError: no checkpoint, truncated, or a pickle that would run code.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", where=path.name) from error
    except Exception as error:
        text = str(error)
        if (
            "Unsupported global" in text
            or "Unsupported operand" in text
            or "WeightsUnpickler" in text
        ):
            what = "holds more than tensors, so loading it could run code"
            remedy = "save the plain state_dict: torch.save(model.state_dict(), PATH)"
        else:
            what = f"is truncated or no checkpoint ({_first_line(text)})"
            remedy = "copy or save it again"
        raise UserError(what, where=path.name, remedy=remedy) from error


def canonical(loaded: object, path: Path) -> dict[str, torch.Tensor]:
    """Unwrap a state_dict and strip the prefix that `nn.DataParallel` leaves.

    Raises:
        UserError: no state_dict inside.
    """
    found = _unwrap(loaded)
    if found is None:
        raise UserError(
            f"holds no state_dict, but {_describe(loaded)}",
            where=path.name,
            remedy="save the plain state_dict: torch.save(model.state_dict(), PATH)",
        )
    if all(key.startswith(_PREFIX) for key in found):
        return {key.removeprefix(_PREFIX): value for key, value in found.items()}
    return dict(found)


def _unwrap(loaded: object) -> Mapping[str, torch.Tensor] | None:
    if not isinstance(loaded, Mapping) or not loaded:
        return None
    if all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in loaded.items()
    ):
        return loaded
    inner = (_unwrap(loaded[key]) for key in WRAPPERS if key in loaded)
    return next((state for state in inner if state is not None), None)


def _describe(loaded: object) -> str:
    if isinstance(loaded, Mapping):
        return (
            f"the keys {_shorten([str(key) for key in loaded])}"
            if loaded
            else "an empty dictionary"
        )
    return f"a {type(loaded).__name__}"


def _shape(value: object) -> str:
    return "x".join(map(str, getattr(value, "shape", ()))) or "a scalar"


def _shorten(names: list[str]) -> str:
    rest = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {rest} more" if rest > 0 else "")


def _first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "unreadable")[:120]
