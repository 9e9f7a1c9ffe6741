"""Looks for HR wherever a path to it could be: its own process, its parent's, the disk."""

import glob
import os
import sys

seen = []


def hints():
    """Yield every text that could name a folder."""
    yield from (*sys.argv, *os.environ.values(), *sys.path, os.getcwd())
    for pid in ("self", os.getppid()):
        for name in ("cmdline", "environ", "maps", "mountinfo"):
            try:
                with open(f"/proc/{pid}/{name}", "rb") as file:
                    yield from file.read().decode(errors="replace").replace("\0", " ").split()
            except OSError:
                pass
        for link in ("cwd", "root", *(f"fd/{number}" for number in range(64))):
            try:
                yield os.readlink(f"/proc/{pid}/{link}")
            except OSError:
                pass


def places(hint):
    """Turn a hint into folders to search."""
    while len(hint) > 1 and hint != os.path.dirname(hint):
        # What lies beside or below what is known, and not what other tests have put into /tmp.
        if os.path.isdir(hint) and hint.count("/") > 4 and not hint.startswith(sys.prefix):
            yield hint
        hint = os.path.dirname(hint)


def steal():
    folders = dict.fromkeys(place for hint in list(hints()) for place in places(hint))
    for folder in folders:
        for pattern in ("HR/*.png", "**/HR/*.png", "*-hr.npy", "**/*-hr.npy"):
            for name in glob.glob(os.path.join(folder, pattern), recursive=True):
                try:
                    with open(name, "rb") as file:
                        if file.read(8):
                            raise SystemExit(f"read HR: {name}")
                except OSError as error:
                    print("refused", error)


def deed(honest, x):
    if not seen:
        seen.append(True)
        print("hints", *hints(), sep="\n  ")
        steal()
    return honest()
