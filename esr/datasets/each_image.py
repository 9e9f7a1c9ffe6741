"""Many images at once, one a core, with a progress bar and without what decoders print."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from esr.base.console import progress_bar
from esr.base.threads import in_parallel, keep_freed_memory
from esr.datasets.quiet_decoders import quiet_decoders

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
