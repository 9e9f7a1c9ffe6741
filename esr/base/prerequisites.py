"""Says in one line what this machine lacks, before anything is imported that needs it.

The one module that acts when it is imported, for which every command imports it first. Python 3.8
must be able to read it, and every file on the way to it.
"""

import platform
import sys
from importlib.util import find_spec

OLDEST = (3, 11)
NEEDED = {
    "cv2": "opencv-python-headless",
    "fvcore": "fvcore",
    "imagehash": "imagehash",
    "itables": "itables",
    "jinja2": "jinja2",
    "numpy": "numpy",
    "packaging": "packaging",
    "PIL": "pillow",
    "plotly": "plotly",
    "psutil": "psutil",
    "pydantic": "pydantic",
    "pynvml": "nvidia-ml-py",
    "rich": "rich",
    "setuptools": "setuptools",
    "tabulate": "tabulate",
    "thop": "thop",
    "torch": "torch",
}
"""Packages by the modules that are imported."""

REMEDY = "needs Python 3.11 or newer; run: python -m pip install -r requirements.txt"
_NAMED_AT_MOST = 3


def complain() -> str:
    """Say what is missing; empty where nothing is."""
    if sys.version_info < OLDEST:
        return f"this is Python {platform.python_version()}; {REMEDY}"
    missing = [package for module, package in NEEDED.items() if find_spec(module) is None]
    if not missing:
        return ""
    named, more = ", ".join(missing[:_NAMED_AT_MOST]), len(missing) - _NAMED_AT_MOST
    others = f" and {more} more packages" if more > 0 else ""
    verb = "is" if len(missing) == 1 else "are"
    return f"{named}{others} {verb} not installed for {sys.executable}; {REMEDY}"


if complaint := complain():
    sys.stderr.write(f"error: {complaint}\n")
    sys.exit(2)
