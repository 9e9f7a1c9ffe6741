"""A checkpoint read without running the code that may be in it, or with it where it is trusted."""

from __future__ import annotations

import textwrap
from pathlib import Path

import torch
from torch import nn

from esr.base.errors import UserError, cause

SAVE_PLAIN = "save the plain state_dict: torch.save(model.state_dict(), PATH)"
TRUST = "give --trust ID if you trust its authors with your account"

_PICKLE = b"\x80"
_HEAD = 64


def read_checkpoint(path: Path, *, trusted: bool = False) -> object:
    """Read a checkpoint onto the CPU.

    Args:
        path: the file.
        trusted: whether to run what code it may hold; a network in it is then its state_dict.

    Raises:
        UserError: no checkpoint, truncated, or a pickle that would run code.
    """
    try:
        head = read_head(path)
        loaded: object = torch.load(path, map_location="cpu", weights_only=not trusted)
    except OSError as error:
        raise UserError(f"cannot be read ({cause(error)})", where=path.name) from error
    except Exception as error:  # The unpickler promises nothing about what it raises.
        raise diagnose(path, head, str(error)) from error
    return loaded.state_dict() if trusted and isinstance(loaded, nn.Module) else loaded


def read_head(path: Path) -> bytes:
    """Read what tells one kind of file from another.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(_HEAD)


def diagnose(path: Path, head: bytes, error: str) -> UserError:
    """Say why a file could not be loaded, and what to do about it."""
    if head.startswith(b"version https://git-lfs"):
        return UserError(
            "is a Git LFS pointer, not the checkpoint itself",
            where=path.name,
            remedy="run git lfs pull",
        )
    if head.lstrip().startswith((b"<", b"{")):
        return UserError(
            "is a web page or text, not a checkpoint", where=path.name, remedy="download it again"
        )
    # A pickle that is no archive of tensors, or one that names functions to call.
    if "Unsupported global" in error or "TorchScript" in error or head.startswith(_PICKLE):
        return refuse_code(path)
    return UserError(
        f"is truncated or no checkpoint ({first_line(error)})",
        where=path.name,
        remedy="copy or save it again",
    )


def refuse_code(path: Path) -> UserError:
    """Refuse a checkpoint that would run code."""
    return UserError(
        "holds more than tensors, so loading it could run code",
        where=path.name,
        remedy=f"{SAVE_PLAIN}; or {TRUST}",
    )


def first_line(text: str) -> str:
    """Shorten an error to what a line has room for."""
    return textwrap.shorten(next(iter(text.strip().splitlines()), "unreadable"), 120)
