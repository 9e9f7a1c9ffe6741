"""Two runs side by side.

comparable_facts    figures, files, settings and machine that two runs can be compared in
difference          what differs, whether beyond noise, and what that means
comparison          every submission of two runs
comparison_files    comparison.csv and comparison.md, the same on a terminal
"""
