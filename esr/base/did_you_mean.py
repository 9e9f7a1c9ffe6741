"""Which known word somebody meant: one rule for flags, choices, commands, keys and names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_ALIKE = 0.7
"""Ratio of `difflib` from which on a word is a misspelling of another."""
_NAMED_AT_MOST = 3
_DIGITS = "0123456789"
_PART_AT_LEAST = 3
"""Letters that a word needs to be recognised as a part of another."""


def find_nearest(word: str, known: Iterable[str]) -> list[str]:
    """List the words that were probably meant, the likeliest first; few, or none.

    Case, hyphens, underscores and spaces make no difference: such a word alone is returned. Then
    come words that begin with it, contain it, or are spelt much like it.
    """
    plain = _plain(word)
    by_plain = {name: _plain(name) for name in dict.fromkeys(known)}
    same = [name for name, text in by_plain.items() if text == plain]
    if same:
        return same[:_NAMED_AT_MOST]
    is_part = len(plain) >= _PART_AT_LEAST
    parts = [name for name, text in by_plain.items() if is_part and plain in text]
    parts.sort(key=lambda name: by_plain[name].index(plain))
    # The id before a name is not spelt wrongly with it.
    texts = {text: name for name, of in by_plain.items() for text in (of, of.lstrip(_DIGITS))}
    alike = difflib.get_close_matches(plain, texts, _NAMED_AT_MOST, _ALIKE)
    return [*dict.fromkeys([*parts, *(texts[text] for text in alike)])][:_NAMED_AT_MOST]


def suggest(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """Ask whether one of the known words was meant; `otherwise` where none is near."""
    nearest = find_nearest(word, known)
    return f"did you mean {' or '.join(nearest)}?" if nearest else otherwise


def suggest_flags(unknown: Iterable[str], known: Iterable[str]) -> str:
    """Ask whether known flags were meant by unknown arguments; empty where none is near."""
    flags = [*known]
    wrong = (text.partition("=")[0] for text in unknown if text.startswith("-"))
    meant = (find_nearest(flag, flags) for flag in dict.fromkeys(wrong))
    texts = [" or ".join(nearest) for nearest in meant if nearest]
    return f"did you mean {' and '.join(texts)}?" if texts else ""


def _plain(word: str) -> str:
    return re.sub(r"[\s_-]+", "", word).casefold()
