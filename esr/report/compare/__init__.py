"""Two runs side by side: comparable_facts -> difference -> comparison -> comparison_files.

What two runs of a submission can be compared in; what differs, and whether beyond noise; every
submission of two runs; `comparison.csv`, `comparison.md` and the terminal.
"""
