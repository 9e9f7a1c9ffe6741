"""The NTIRE 2023 Real-Time SR challenge, where it is not what the Efficient SR challenges are.

A module imports only those before it in this list.

    score       PSNR, runtime, PSNR of bicubic -> score
    bicubic     the reference, and its PSNR
    folders     data folders -> pairs of LR and GT files
    degrade     one image -> GT and LR
    procedure   runtime and operations of the fixed input; in the child
    archive     a stranger's zip file, unpacked or refused
    entry       a submission archive -> Submission
    arch        its srmodel(), called in the child
    results     the SR images handed in, against the run here
    prepare     `python -m esr rtsr`: a folder of images -> a data folder
"""
