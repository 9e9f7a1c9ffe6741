"""The child's environment: what computing needs, by an allowlist; nobody's tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from esr.base.house import import_path
from esr.sandbox.policy import Places

_ALLOWED = re.compile(
    r"PATH|LANG|LANGUAGE|LC_\w+|TZ|LD_LIBRARY_PATH|GLIBC_TUNABLES|MALLOC_\w+"
    r"|(OMP|GOMP|KMP|MKL|OPENBLAS|NUMEXPR)_\w+"
    r"|(CUDA|CUBLAS|CUDNN|NVIDIA|PYTORCH|HIP|HSA|ROCR)_\w+"
)
_SECRET = re.compile(r"TOKEN|SECRET|PASS|CREDENTIAL|AUTH|KEY", re.IGNORECASE)
"""`NVIDIA_API_KEY` begins like a setting."""


def scrub_environment(environment: Mapping[str, str], root: Path, places: Places) -> dict[str, str]:
    """Choose what a child may know of the environment, and give it a home of its own.

    Args:
        environment: of this process.
        root: the harness, whose `esr` the child imports.
        places: of the submission.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if _ALLOWED.fullmatch(name) and not _SECRET.search(name)
    }
    return kept | {
        "HOME": str(places.home),
        "TMPDIR": str(places.temporary),
        "PYTHONPATH": import_path(environment, root),
        # Unbuffered, so that the log of a child that is killed holds all it printed.
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
        # A submission's files stay untouched.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
