"""Which checkpoint files `select_model` names for an id, as far as its source tells.

A name may be put together: `f"team{model_id:02}.pth"`. What cannot be told is left out, since what
is named and absent is said to be missing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from esr.submissions.clone.control_flow import Path
from esr.submissions.clone.harmless_calls import Unknown
from esr.submissions.clone.source_values import Names, value
from esr.submissions.submission import CHECKPOINT_SUFFIXES

_IN_ARCHIVES = ("read", "open", "extract", "getmember")
"""Methods that take a name in an archive."""
_ELSEWHERE = re.compile(r"://|[*?]")
_OF_TEXTS = ("replace", "endswith", "removesuffix", "split", "rsplit", "strip", "rstrip")
"""Methods that take a part of a name."""


def named_checkpoints(path: Path) -> tuple[str, ...]:
    """List the names of single files; addresses and members of archives are none."""
    found = (name for statement in path.statements for name in _named(statement, path.names))
    return tuple(dict.fromkeys(name for name in found if not _ELSEWHERE.search(name)))


def _named(node: ast.AST, names: Names) -> Iterator[str]:
    if isinstance(node, ast.Raise | ast.Assert):
        return
    waiting: list[ast.AST] = [node]
    while waiting:  # Not by recursion: sums of texts may nest deep.
        part = waiting.pop()
        if isinstance(part, ast.JoinedStr | ast.BinOp | ast.Constant | ast.Call):
            try:
                text = value(part, names)
            except Unknown:
                waiting += reversed(list(_whole_parts(part)))
                continue
            if isinstance(text, str) and text.endswith(CHECKPOINT_SUFFIXES):
                yield text
        else:
            waiting += reversed(list(ast.iter_child_nodes(part)))


def _whole_parts(node: ast.AST) -> Iterator[ast.AST]:
    """List the parts of an expression that cannot be told which may be whole names."""
    if isinstance(node, ast.JoinedStr):
        last = node.values[-1]
        if isinstance(last, ast.Constant) and "/" in str(last.value):
            yield last
    elif isinstance(node, ast.BinOp):
        yield from _of_path(node)
    elif isinstance(node, ast.Call):
        yield from _of_calls(node)


def _of_path(node: ast.expr) -> Iterator[ast.AST]:
    # Along the chain, since each part of it that is evaluated anew is as long as the rest.
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        yield node.right
        node = node.left
    if not isinstance(node, ast.BinOp):
        yield node


def _of_calls(node: ast.expr) -> Iterator[ast.AST]:
    while isinstance(node, ast.Call | ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Call):
            if getattr(node.func, "attr", "") not in (*_IN_ARCHIVES, *_OF_TEXTS, "format"):
                yield from (*node.args, *(keyword.value for keyword in node.keywords))
            node = node.func
        else:
            node = node.value
