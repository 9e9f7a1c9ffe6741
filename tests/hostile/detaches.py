"""Leaves a daemon behind: forked twice, in a session of its own, its pipes closed."""

import os

LASTS_S = "86399.25"
started = []


def deed(honest, x):
    if not started:
        started.append(True)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.closerange(0, 64)
                os.execvp("sleep", ["sleep", LASTS_S])
            os._exit(0)
        os.wait()
    return honest()
