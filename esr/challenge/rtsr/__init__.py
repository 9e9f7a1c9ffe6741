"""The NTIRE 2023 Real-Time SR challenge, where it is not what the Efficient SR challenges are.

`rtsr_hooks` is what the main line calls. Its figures stand in `esr.images.metrics`, its
folders in `datasets.toml`, its input and tracks in `protocols/rtsr2023.toml`.
"""
