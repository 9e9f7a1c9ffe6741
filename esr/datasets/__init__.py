"""Data sets of one's own or of the field: `python -m esr.datasets list|check|prepare|download`.

A module imports only those before it in this list.

    finding     what can be wrong with a data set
    folders     which sets lie in a folder, and what belongs to nothing
    pictures    many images at once, with a progress bar
    bicubic     LR as MATLAB makes it, and as others do
    degradation what an LR image is, if it is not the bicubic of its HR
    checking    one pair of images; one set of them
    check_report  what was found, in 80 columns
    prepare     LR from HR
    unpack      an archive from a stranger, file by file
    obtain      a set of the registry, downloaded
    listing     what the registry knows
    __main__    the command
"""
