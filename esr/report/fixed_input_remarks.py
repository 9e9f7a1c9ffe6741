"""What the runtime of a fixed input cannot say itself."""

from __future__ import annotations

from collections.abc import Iterator

from esr.base.visible_text import one_line
from esr.challenge.fixed_input import FixedInput


def fixed_input_remarks(found: FixedInput) -> Iterator[str]:
    """Say what was measured otherwise than the challenge asks, a line each."""
    run, official = found.scored, found.official
    size = "x".join(map(str, found.input_size))
    if not found.as_asked:
        asked = "x".join(map(str, found.official_size))
        yield f"the fixed input is {size}, not {asked} as the challenge asks: it gets no score"
    if run is None:
        yield f"no runtime of the fixed input {size}"
    elif (run.warmups, len(run.samples_ms)) != (official.warmups, official.repeats):
        yield (
            f"Input Time is the mean of {len(run.samples_ms)} calls after {run.warmups}, not of"
            f" {official.repeats} after {official.warmups} as the challenge asks: not comparable"
        )
    yield from (f"fixed input {size}: {one_line(note)}" for note in found.notes)
