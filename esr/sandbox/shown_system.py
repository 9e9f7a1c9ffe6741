"""What of the system every submission may read: what programs, libraries and drivers are made of.

A list of what is shown, and not of what is hidden: data, results and files of other people lie
anywhere, and those of a run that begins later are on nobody's list.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/nix", "/gnu", "/sys")
"""Where the system's programs and libraries lie, and what the kernel tells of the devices."""
_SETTINGS = (
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "timezone"),
    *("passwd", "group", "nsswitch.conf", "hosts", "host.conf", "gai.conf", "resolv.conf"),
    *("services", "protocols", "mime.types", "os-release", "fonts", "ssl/certs", "ssl/openssl.cnf"),
    *(
        "debian_version",
        "lsb-release",
        "redhat-release",
        "nvidia",
        "OpenCL",
        "vulkan",
        "glvnd",
        "matplotlibrc",
    ),
)
"""Of /etc, which may hold secrets."""
_DEVICES = ("null", "zero", "full", "random", "urandom")
"""No disks, which root may read whole, nothing shared with other programs, and no terminals:
whoever opens that of the user reads what is typed there, and writes there, too."""
_GPUS = ("nvidia*", "nvhost*", "nvmap", "dri", "kfd", "dxg")
_STATED = ("LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_PATH")
"""Variables that name further folders of libraries."""


def system_folders() -> Iterator[Path]:
    """Name folders that hold programs and libraries."""
    yield from filter(Path.exists, map(Path, _SYSTEM))


def settings() -> Iterator[Path]:
    """Name files of /etc, and folders of libraries that the environment names."""
    stated = [path for name in _STATED for path in os.environ.get(name, "").split(os.pathsep)]
    places = (*(Path("/etc", name) for name in _SETTINGS), *map(Path, filter(None, stated)))
    yield from (place.absolute() for place in places if place.exists())


def devices() -> Iterator[Path]:
    """Name devices that every program may use."""
    yield from (Path("/dev", name) for name in _DEVICES)


def gpus() -> Iterator[Path]:
    """Name the devices of GPUs."""
    yield from (path for pattern in _GPUS for path in sorted(Path("/dev").glob(pattern)))
