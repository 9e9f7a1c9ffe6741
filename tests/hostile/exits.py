"""Ends its process with the status of success."""

import os


def deed(honest, x):
    os._exit(0)
