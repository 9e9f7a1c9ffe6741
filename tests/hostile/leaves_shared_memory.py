"""Leaves files in /dev/shm for its next run, written by no Python."""

import ctypes

libc = ctypes.CDLL(None)


def deed(honest, x):
    file = libc.fopen(b"/dev/shm/esr_left_behind", b"w")
    libc.fputs(b"kept", file)
    libc.fclose(file)
    return honest()
