"""Many images at once, one a core, with a progress bar and without what decoders print."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from esr.base.console import progress_bar
from esr.base.threads import in_parallel, keep_freed_memory

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_images(call: Callable[[Item], Result], items: Sequence[Item], text: str) -> list[Result]:
    """Map over items in one thread a core, and show how many are done."""
    keep_freed_memory()
    number = itertools.count(1)
    with (
        # The bar goes where stderr went before the decoders were told to be silent.
        os.fdopen(os.dup(2), "w", encoding="utf-8") as terminal,
        contextlib.redirect_stderr(terminal),
        progress_bar(text, len(items)) as show,
        quiet_decoders(),
    ):

        def call_and_show(item: Item) -> Result:
            result = call(item)
            show(next(number))
            return result

        return in_parallel(call_and_show, items)


@contextlib.contextmanager
def quiet_decoders() -> Iterator[None]:
    """Keep off standard error what decoders announce there of a damaged image."""
    # OpenCV and libpng announce a damaged image on stderr, beside the one line that says what to
    # do; libpng writes to the file descriptor itself.
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
