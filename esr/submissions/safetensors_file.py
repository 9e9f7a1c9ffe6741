"""Checkpoints in the format of the package `safetensors`, which hold tensors and nothing else.

Source: README of huggingface/safetensors, section Format: the length of the header as 64 bits,
little-endian, then the header, a JSON object; at most 100 MB of it.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from torch import Tensor

from esr.base.errors import UserError

_HEADER_AT_MOST = 100_000_000


def is_safetensors(head: bytes) -> bool:
    """Tell by its first bytes whether a file is one."""
    length = int.from_bytes(head[:8], "little")
    return head[8:9] == b"{" and 2 <= length <= _HEADER_AT_MOST


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Read a state_dict onto the CPU.

    Raises:
        UserError: the package is absent, or the file is damaged.
    """
    try:
        safetensors: Any = import_module("safetensors")
    except ImportError as error:
        what = "is a safetensors file, and the package that reads it is not installed"
        raise UserError(what, where=path.name, remedy="pip install safetensors") from error
    try:
        with safetensors.safe_open(path, framework="pt", device="cpu") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            aliases = file.metadata() or {}
    except safetensors.SafetensorError as error:
        what = f"is a safetensors file that is cut off or damaged ({error})"
        raise UserError(what, where=path.name, remedy="copy or download it again") from error
    # `save_model` stores a tensor that layers share once, and the other names beside it.
    shared = {other: state[key] for other, key in aliases.items() if key in state}
    return {**shared, **state}
