"""Nests folders so deep that whoever walks through them gives up."""

import os
from pathlib import Path

made = []


def deed(honest, x):
    if not made:
        made.append(True)
        home = os.getcwd()
        os.chdir(os.environ["TMPDIR"])
        for _ in range(1500):
            Path("d").mkdir()
            os.chdir("d")
        os.chdir(home)
    return honest()
