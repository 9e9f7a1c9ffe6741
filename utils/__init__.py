"""Map of the house, in reading order; this file imports nothing.

The line, from left to right; no module imports one further right:

    options     the command line
    protocol    every constant of a measurement, one entry a year
    submission  models/ and model_zoo/ -> Submission; never imports a model
    sidecar     the TOML file beside a model
    dataset     folders -> pairs of LR and HR files
    staging     every image decoded and checked, before anything is measured
    evaluation  one submission from its files to its record
    isolation   the child process: time limit, kill, its answer validated
      job         what parent and child tell each other, in files
      worker      the child: the only program that runs a submission
      network     import, build, load a checkpoint
      restore     tiling, padding, what an output must be
      timing      runtime and peak memory
      complexity  parameters, FLOPs, activations, convolutions
      machine     what it ran on
    judge       SR against HR, in the parent
    provenance  hashes, commit, command, date
    record      what is kept of a measurement
    store       the results folder
    official_results  results.json and results.txt
    columns     the leaderboard's columns
    report      the leaderboard as CSV and on the terminal; the only place that rounds

Official names, used by our own code: utils_image, model_summary, utils_logger.

The one file to open for
    a new metric            metrics.py      one entry in METRICS
    a new column            columns.py      one entry in OURS
    a new year              protocol.py     one entry in PROTOCOLS
    a new data set layout   dataset.py
    a new device            timing.py       one stopwatch; machine.py names it
    a new wrapper key       network.py      one entry in WRAPPERS
"""
