"""The NTIRE 2023 Real-Time SR challenge, where it is not what the Efficient SR challenges are.

A module imports only those before it in this list. Its figures stand among `esr.images.metrics`,
its folders in `datasets.toml`, its input and tracks in `protocols/rtsr2023.toml`.

    real_time_score     PSNR, runtime, PSNR of bicubic -> score; the bicubic reference
    rtsr_degradation    one image -> GT and LR
    unpack_archive      a stranger's zip file, unpacked or refused
    submission_archive  submission_ID.zip -> HandedIn
    archive_network     its srmodel(), called in the child
    handed_in_images    the SR images handed in, against the run here
    rtsr_hooks          all of that, as the main line calls it
    prepare_rtsr        `python -m esr rtsr`: a folder of images -> a data folder
"""
