"""Lines broken between words, and not within a command that somebody may want to copy."""

from __future__ import annotations

import re

from rich.cells import cell_len

_COMMAND = re.compile(
    r"python (?:-m esr \w+|-m \S+|\S+)(?: (?:-{1,2}\w\S*|[A-Z][A-Z_]+\b|\d+\b))*|--\w+ [A-Z\d]\w*"
)
"""A call of a program with its flags and what stands for their values; or a flag with its value."""
_KEPT_SPACE = "\0"
_NAME_ENDS = "_-"


def wrap_words(text: str, width: int) -> str:
    """Break a line between words; what is longer than a line stays whole.

    Args:
        text: printable, of one line.
        width: cells of the terminal.
    """
    kept = _COMMAND.sub(lambda match: match[0].replace(" ", _KEPT_SPACE), text)
    return _fill(kept.split(" "), " ", width).replace(_KEPT_SPACE, " ")


def wrap_name(name: str, width: int, ends: str = _NAME_ENDS) -> str:
    """Break a name after `_` and `-`, or other `ends`; a part that is too long stays whole."""
    return _fill(split_name(name, ends), "", width)


def split_name(name: str, ends: str = _NAME_ENDS) -> list[str]:
    """Take the parts of a name apart, each with what ends it."""
    these = re.escape(ends)
    return re.split(f"(?<=[{these}])(?=[^{these}])", name)


def _fill(words: list[str], between: str, width: int) -> str:
    lines = [words[0]]
    for word in words[1:]:
        longer = f"{lines[-1]}{between}{word}"
        if cell_len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)
