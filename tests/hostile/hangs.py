"""Never ends, ignores every signal it can, and closes what it prints to."""

import os
import signal
import time


def deed(honest, x):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for number in range(3):
        os.close(number)
    while True:
        time.sleep(600)
