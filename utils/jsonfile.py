"""Typed JSON files: written whole or not at all, read back checked against a dataclass."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from utils.errors import UserError

T = TypeVar("T")


def write_text(path: Path, text: str) -> None:
    """Replace the file at once: a reader, or a run that is killed, never meets half of it.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise UserError(
            f"cannot write here ({error.strerror})",
            where=path,
            remedy="give a folder you may write to",
        ) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes a file only its owner can read; results are for everybody the umask allows.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"cannot be written ({error.strerror})", where=path) from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def dump(value: object, path: Path) -> None:
    """Write a dataclass as JSON, floats with every digit."""
    data = TypeAdapter(type(value)).dump_python(value, mode="python")
    write_text(path, json.dumps(data, indent=1, ensure_ascii=False, default=str) + "\n")


def load(kind: type[T], path: Path) -> T:
    """Read a JSON file as the dataclass `kind`.

    Raises:
        UserError: the file cannot be read, is no JSON, or does not fit `kind`.
    """
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", where=path) from error
    except ValidationError as error:
        raise UserError(
            f"does not hold a {kind.__name__}: {explain(error)}",
            where=path,
            remedy="move the file away and run again",
        ) from error


def load_object(path: Path) -> dict[str, Any]:
    """Read a JSON object of unknown content, such as somebody else's `results.json`.

    Raises:
        UserError: the file cannot be read or holds no JSON object.
    """
    return load(dict[str, Any], path)


def explain(error: ValidationError) -> str:
    """Name the first thing that does not fit, and how many more there are."""
    first, *rest = error.errors()
    place = ".".join(str(part) for part in first["loc"])
    more = f" (and {len(rest)} more)" if rest else ""
    return f"{place}: {first['msg']}{more}" if place else f"{first['msg']}{more}"
