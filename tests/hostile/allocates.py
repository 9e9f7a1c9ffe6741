"""Takes memory without end."""

kept = []


def deed(honest, x):
    while True:
        kept.append(bytearray(b"x") * 2**27)
