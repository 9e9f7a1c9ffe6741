"""The archive that participants upload in the development phase: written, read, scored.

A module imports only those before it in this list.

    readme      the four lines of readme.txt
    sr_names    what the official scripts call SR images, and how far off another name is
    write       --make_zip: SR images and readme.txt in one file
    contents    a stranger's archive, checked before anything in it is unpacked
    score       its images against HR
    table_scores  what `esr.tools.upload_scoring.score_zip` prints
"""
