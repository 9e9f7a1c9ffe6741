"""Leaves files in /dev/shm for its next run, written by no Python."""

import ctypes
import os

libc = ctypes.CDLL(None)


def deed(honest, x):
    file = libc.open(b"/dev/shm/esr_left_behind", os.O_WRONLY | os.O_CREAT, 0o600)
    libc.write(file, b"kept", 4)
    libc.close(file)
    return honest()
