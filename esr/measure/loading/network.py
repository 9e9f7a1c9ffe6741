"""From a model file and a checkpoint to a network that is ready to restore images.

Only the worker comes here: importing a model file runs somebody else's code.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from torch import nn

from esr.base.errors import UserError
from esr.measure.loading.network_class import choose_class, describe_other_classes, name_it
from esr.measure.loading.state_dict import WRAPPERS, StateDict, canonical, fit, is_packed, shorten
from esr.submissions.checkpoint_file import first_line, read_checkpoint
from esr.submissions.submission import Submission

__all__ = ["WRAPPERS", "build", "canonical", "import_model", "load", "read_checkpoint"]


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
        UserError: there is no such class, it is no network, or several could be meant.
    """
    file, sidecar = submission.model_file, submission.sidecar
    if sidecar.arch is None:
        return choose_class(module, file, sidecar.kwargs)(**sidecar.kwargs)
    architecture = getattr(module, sidecar.arch, None)
    if not isinstance(architecture, type):
        what = f"has no class '{sidecar.arch}'"
        raise UserError(what, where=file.name, remedy=name_it(file))
    if not issubclass(architecture, nn.Module):
        what = f"class '{sidecar.arch}' is no torch.nn.Module"
        raise UserError(what, where=file.name, remedy=name_it(file))
    network: nn.Module = architecture(**sidecar.kwargs)
    return network


def load(network: nn.Module, path: Path, *, strict: bool, trusted: bool = False) -> str:
    """Load a checkpoint into the network.

    Args:
        network: receives the parameters and buffers.
        path: file written by `torch.save` or safetensors; a flat state_dict, or one inside a known
            wrapper, with or without the prefixes that tools add.
        strict: whether keys may be neither missing nor unexpected.
        trusted: whether code in the file may be run.

    Returns:
        What was done to the keys of the file; empty if nothing.

    Raises:
        UserError: the file is no checkpoint, holds code, or does not fit the network.
    """
    wanted = network.state_dict()
    fitted = fit(read_checkpoint(path, trusted=trusted), path, wanted.keys())
    _refuse_quantized(fitted.state, wanted, path)
    try:
        left = network.load_state_dict(fitted.state, strict=strict)
    except Exception as error:  # Packed weights, say, are unpacked by code of their layers.
        raise _misfit(fitted.state, network, path, error, strict=strict) from error
    # A network may have a function of its own for it, which returns nothing.
    if wanted and len(getattr(left, "missing_keys", ())) == len(wanted):
        what = f"has none of the {len(wanted)} keys of the network {type(network).__name__}"
        has = f"{what}, but {shorten(list(fitted.state))}" if fitted.state else what
        remedy = describe_other_classes(network, fitted.state.keys()) or _BELONG
        raise UserError(has, where=path.name, remedy=remedy)
    return fitted.remark


_BELONG = "check that model file, kwargs and checkpoint belong together"


def _refuse_quantized(state: StateDict, wanted: StateDict, path: Path) -> None:
    quantized = [
        key
        for key, value in state.items()
        if _is_quantized(key, value) and not _is_quantized(key, wanted.get(key))
    ]
    if quantized:
        what = f"holds 8-bit weights of quantized layers ({shorten(quantized)}), which the network"
        remedy = "let its constructor quantize it likewise, or save the state_dict from before that"
        raise UserError(f"{what} as it is built does not have", where=path.name, remedy=remedy)


def _is_quantized(key: str, value: object) -> bool:
    return value is not None and (is_packed(key) or getattr(value, "is_quantized", False))


def _misfit(
    state: StateDict, network: nn.Module, path: Path, error: Exception, *, strict: bool
) -> UserError:
    """Say why a state_dict cannot be loaded, and what to do."""
    complaints = _mismatch(state, network.state_dict(), strict=strict)
    said = "; ".join(complaints.values()) or _last_line(error)
    remedy = _BELONG
    if complaints.keys() == {"unexpected"}:
        remedy = (
            "the network's own keys are all there: with strict = false in the TOML file beside the"
            " model, an evaluation leaves the others out"
        )
    elif (others := describe_other_classes(network, state.keys())) is not None:
        remedy = others
    what = f"does not fit the network {type(network).__name__}: {said}"
    return UserError(what, where=path.name, remedy=remedy)


def _last_line(error: Exception) -> str:
    # The first one of PyTorch's only says that something is wrong, and in which class.
    return first_line(next(reversed(str(error).strip().splitlines()), type(error).__name__))


def _mismatch(state: StateDict, wanted: StateDict, *, strict: bool) -> dict[str, str]:
    complaints = {
        "missing": [key for key in wanted if strict and key not in state],
        "unexpected": [key for key in state if strict and key not in wanted],
        "wrong shape": [
            f"{key} is {_shape(state[key])}, the network has {_shape(wanted[key])}"
            for key in wanted
            if key in state and _shape(state[key]) != _shape(wanted[key])
        ],
    }
    return {
        kind: f"{len(keys)} {kind} ({shorten(keys)})" for kind, keys in complaints.items() if keys
    }


def _shape(value: object) -> str:
    return "x".join(map(str, getattr(value, "shape", ()))) or "a scalar"
