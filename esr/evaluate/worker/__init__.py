"""`python -m esr.evaluate.worker FOLDER`: measure one submission, in a process of its own.

The only program that runs somebody else's code. It is given LR images and no path to HR; its
answer travels in files (`esr.measure.job`), so whatever the submission prints cannot disturb it.

A module imports only those before it in this list.

    stage       how far it has come, and why it could not go on
    building    a job -> a network with its weights on its device, ready to be timed
    measuring   passes, audit, counts -> Measurement
    __main__    the program
"""
