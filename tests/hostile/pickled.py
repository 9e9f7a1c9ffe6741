"""Honest code; its checkpoint is a pickle that would run a command."""


def deed(honest, x):
    return honest()
