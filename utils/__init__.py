"""The import path of the official repositories; the program itself is `esr`."""
