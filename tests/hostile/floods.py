"""Prints 100 MB."""

printed = []


def deed(honest, x):
    while len(printed) < 100:
        printed.append(True)
        print("x" * 10**6)
    return honest()
