"""Text from strangers as one visible line: names, reasons, notes.

Every format passes its text through `one_line` and then escapes what its own syntax gives meaning.
"""

from __future__ import annotations

from collections.abc import Sequence

NAME_AT_MOST = 60
LINE_AT_MOST = 400
_CUT = "..."


def one_line(text: str, at_most: int = LINE_AT_MOST) -> str:
    r"""Show text as one line of printable characters, without spaces around it.

    Control characters, line breaks, bidirectional controls and the like become `\x1b`, `\n`,
    `\u202e`: they are seen and do nothing.

    Args:
        text: from anywhere.
        at_most: characters to keep; what is longer ends in "...".
    """
    # Cut before it is escaped: nobody waits for a megabyte of which a line is shown.
    line = visible(text.strip()[: at_most + 1])
    return line if len(line) <= at_most else line[: at_most - len(_CUT)] + _CUT


def name(label: str) -> str:
    """Show a row's label, leading spaces of an official `results.json` removed."""
    return one_line(label, NAME_AT_MOST) or "(no name)"


def name_some(names: Sequence[str], at_most: int = 5) -> str:
    """Name the first few of some things, as they are, and say how many more there are."""
    more = len(names) - at_most
    return ", ".join(names[:at_most]) + (f" and {more} more" if more > 0 else "")


def say_count(number: int, noun: str) -> str:
    """Say how many there are of something: `1 image`, `2 images`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def visible(text: str) -> str:
    """Replace every character that is not printable by its escape sequence."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    # repr, because the codec "unicode_escape" would escape every letter beyond ASCII.
    return repr(char)[1:-1]
