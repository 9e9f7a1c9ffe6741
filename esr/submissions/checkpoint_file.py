"""A checkpoint read without running the code that may be in it, or with it where it is trusted."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import torch
from torch import nn

from esr.base.errors import UserError, cause
from esr.base.visible_text import one_line
from esr.submissions.foreign_file import HEAD_BYTES, SAVE_PLAIN, TRUST, quote, recognise
from esr.submissions.safetensors_file import is_safetensors, read_safetensors

_PICKLE = b"\x80"
_SAVED_BEFORE_1_6 = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The number that `torch.save` began with before it wrote zip archives."""
_UNPICKLER = re.compile(r"WeightsUnpickler error:\s*(.+)")
_NAMED_CODE = re.compile(r"Unsupported (?:global: GLOBAL|class) ([\w.]+)")


def read_checkpoint(path: Path, *, trusted: bool = False) -> object:
    """Read a checkpoint onto the CPU: what `torch.save` wrote, or a safetensors file.

    Args:
        path: the file; what it is, its content says, whatever its suffix.
        trusted: whether to run what code it may hold; a network in it is then its state_dict.

    Raises:
        UserError: no checkpoint, truncated, or a pickle that would run code.
    """
    try:
        head = read_head(path)
        if is_safetensors(head):
            return read_safetensors(path)
        loaded: object = torch.load(path, map_location="cpu", weights_only=not trusted)
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"cannot be read ({cause(error)})", where=path.name) from error
    except Exception as error:  # The unpickler promises nothing about what it raises.
        raise diagnose(path, head, error, trusted=trusted) from error
    return loaded.state_dict() if trusted and isinstance(loaded, nn.Module) else loaded


def read_head(path: Path) -> bytes:
    """Read what tells one kind of file from another.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def diagnose(path: Path, head: bytes, error: Exception, *, trusted: bool) -> UserError:
    """Say why a file could not be loaded, and what to do about it."""
    if (foreign := recognise(path, head)) is not None:
        return foreign
    text = str(error)
    if is_safetensors(head):
        what, remedy = "is a safetensors file, which torch.load does not read", "use load_file"
        return UserError(what, where=path.name, remedy=f"{remedy} of safetensors.torch")
    if trusted and isinstance(error, ImportError | AttributeError):
        what = f"holds code that does not run here ({first_line(text)})"
        return UserError(what, where=path.name, remedy=SAVE_PLAIN)
    if not trusted and (code := _code(head, text)):
        return refuse_code(path, code)
    reason = f" (it is text: {quote(head)})" if _is_text(head) else _reason(text)
    return UserError(
        f"is truncated or no checkpoint{reason}", where=path.name, remedy="copy or save it again"
    )


def refuse_code(path: Path, code: str = "") -> UserError:
    """Refuse a checkpoint that would run code.

    Args:
        path: the file.
        code: what it would call, as far as that is known.
    """
    named = f" ({one_line(code, 100)})" if code else ""
    return UserError(
        f"holds more than tensors, so loading it could run code{named}",
        where=path.name,
        remedy=f"{SAVE_PLAIN}; or {TRUST}",
    )


def _code(head: bytes, text: str) -> str:
    if (named := _NAMED_CODE.search(text)) is not None:
        return named[1]
    is_other_pickle = head.startswith(_PICKLE) and not head.startswith(_SAVED_BEFORE_1_6, 2)
    return "a pickle that torch.save did not write" if is_other_pickle else ""


def _is_text(head: bytes) -> bool:
    try:
        return head.decode("utf-8").replace("\n", " ").replace("\t", " ").isprintable()
    except UnicodeDecodeError:
        return False


def _reason(text: str) -> str:
    """Take what PyTorch has seen from what it advises, which is for those who call it."""
    match = _UNPICKLER.search(text)
    line = first_line(match[1] if match else text)
    # An operand is a byte where a pickle has none: it says no more than that this is none.
    says_nothing = any(word in line for word in ("weights_only", "Weights only", "operand"))
    return "" if says_nothing else f" ({line})"


def first_line(text: str) -> str:
    """Shorten an error to what a line has room for."""
    line = next(iter(text.strip().splitlines()), "unreadable")
    return textwrap.shorten(one_line(line), 120)
