"""Why a network cannot be deployed in some way, in one line."""

from __future__ import annotations

from esr.base.errors import printable_line
from esr.measure.job import describe_error

_KINDS = (
    ("out of memory", ("out of memory", "OutOfMemoryError", "MemoryError", "allocate memory")),
    ("no compiler", ("InvalidCxxCompiler", "No working C++ compiler", "Failed to find C compiler",
                     "TritonMissing", "Cannot find a working triton")),
    ("data-dependent control flow", ("data-dependent", "Data-dependent", "data dependent",
                                     "DataDependent", "Data dependent")),
    ("compiled anew too often", ("FailOnRecompileLimitHit", "cache_size_limit",
                                 "recompile_limit")),
    ("cannot be compiled as a whole", ("torch._dynamo.exc.Unsupported", "Unsupported:")),
    ("cannot be recorded", ("capturing", "StreamCapture")),
    ("unsupported operator", ("not implemented", "NotImplementedError", "Could not run",
                              "Unsupported operator", "is not supported")),
)  # fmt: skip
"""What a reader may call it, and by what it is known in the words of PyTorch."""


def explain(error: BaseException) -> str:
    """Say what kind of obstacle it is, and what PyTorch says of it."""
    cause = _innermost(error)
    said = printable_line(next(iter(str(cause).strip().splitlines()), ""))
    whole = f"{type(error).__name__}: {error} {type(cause).__name__}: {cause}"
    for kind, signs in _KINDS:
        if any(sign in whole for sign in signs):
            return printable_line(f"{kind}: {said}" if said else kind)
    return describe_error(cause)


def _innermost(error: BaseException) -> BaseException:
    """Look into the errors in which PyTorch wraps those of its compiler."""
    inner = getattr(error, "inner_exception", None)
    return _innermost(inner) if isinstance(inner, BaseException) else error
