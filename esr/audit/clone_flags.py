"""What an organizer should look at before believing a submission that is not in our own layout.

trusted_checkpoint       its checkpoints were allowed to run code
clone_loop_differs       its own loop does more for this id than to call the network
no_checkpoint            select_model loaded nothing with torch.load
stand_ins                something of a package that is not installed was replaced by the harness
"""

from __future__ import annotations

from collections.abc import Iterator

from esr.base.errors import printable_line
from esr.records.measurement import Flag
from esr.submissions.clone.clone_files import CloneSource


def clone_flags(fork: CloneSource | None, *, trusted: bool) -> Iterator[Flag]:
    """List what is particular about where a submission comes from.

    Args:
        fork: None for a submission in our own layout.
        trusted: whether its checkpoints were allowed to run code.
    """
    if trusted:
        yield Flag("trusted_checkpoint", "code in its checkpoint was allowed to run (--trust)")
    if fork is None:
        return
    if fork.facts.not_done:
        statements = "; ".join(fork.facts.not_done)
        yield Flag("clone_loop_differs", printable_line(f"not carried out: {statements}"))
    if fork.facts.stand_ins:
        names = ", ".join(fork.facts.stand_ins)
        yield Flag("stand_ins", printable_line(f"not installed, replaced by the harness: {names}"))
    if not fork.facts.checkpoints:
        yield Flag("no_checkpoint", "select_model loaded no file with torch.load")
