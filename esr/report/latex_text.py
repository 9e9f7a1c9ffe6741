"""Text for LaTeX: what has a meaning there is escaped, what pdfLaTeX has no letter for is named."""

from __future__ import annotations

_MEANINGFUL = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "±": r"$\pm$",
    # An optional argument or a star, where they begin a row.
    "[": "{[}",
    "*": "{*}",
    # Ligatures, and a letter that packages for German make a command.
    "-": "{-}",
    "`": "{`}",
    "'": "{'}",
    '"': "{''}",
    **{char: f"\\{char}" for char in "&%$#_{}"},
}

_LETTERS = frozenset("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ")
"""Letters beyond ASCII that every LaTeX prints without a further package."""


def escaped(text: str) -> str:
    """Escape text for LaTeX; a letter that needs a package or another engine becomes `U+4E2D`.

    Args:
        text: one line.
    """
    return "".join(_escape(char) for char in text)


def _escape(char: str) -> str:
    if char in _MEANINGFUL:
        return _MEANINGFUL[char]
    if char.isascii() or char in _LETTERS:
        return char
    return f"U+{ord(char):04X}"
