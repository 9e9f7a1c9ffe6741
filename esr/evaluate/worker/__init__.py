"""`python -m esr.evaluate.worker FOLDER`: measure one submission, in a process of its own.

The only program that runs somebody else's code. It is given LR images and no path to HR; its
answer goes over a socket of its own (`esr.measure.channel`), whatever the submission prints.
"""
