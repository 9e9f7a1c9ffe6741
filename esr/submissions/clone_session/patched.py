"""Things put in the place of others for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

Patch = tuple[object, str, object]
"""(owner, name of an attribute it has, what it shall be)."""


@contextlib.contextmanager
def in_place(patches: Iterable[Patch]) -> Iterator[None]:
    """Change attributes, and change them back whatever has become of them."""
    before: list[Patch] = []
    try:
        for owner, name, value in patches:
            before.append((owner, name, getattr(owner, name)))
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in reversed(before):
            setattr(owner, name, value)
