"""What stands in for a package that is not installed: one file for each, which says why it may.

Each file has `REPLACES`, the modules it answers for with all below them, and `NAMES`. A package
that is installed always wins: these are asked for only after its import has failed. Written from
the public documentation named in each file, and tested against the real package where one can be
installed (`tests/test_stand_ins_*.py`).
"""
