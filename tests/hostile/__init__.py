"""Submissions that mean harm, one deed each; `tests/test_hostile_zoo.py` runs them.

Each has `deed(honest, x)`, called in place of the forward pass: `honest()` returns what an honest
network would. A deed that succeeds where it must not raises `SystemExit` and says so.
"""
