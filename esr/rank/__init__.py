"""From records and official results to who stands where.

A module imports only those before it in this list.

    row         what a table's row is made from, and its figures
    gate        the PSNR below which nobody is ranked
    scores      SCORES: figures -> score of a track
    entrants    figures that count, and why somebody is left out
    baseline    the network that scores are relative to
    ranking     who stands where by a protocol
"""
