"""Map of the house; this file imports nothing.

A module imports only those before it in this list.

    errors      the user's mistakes, exit codes
    jsonfile    typed JSON, written atomically
    utils_logger  (official name) log files
    download    one file over HTTPS, resumed and verified
    resample    MATLAB's bicubic
    color, ssim, image_file, utils_image  (official name) image files, tensors, PSNR, SSIM
    metrics     METRICS
    protocol    every constant of a measurement, one entry a year
    sidecar     the TOML file beside a model
    submission  models/ and model_zoo/ -> Submission; never imports a model
    zoo         the authors' own checkpoints
    dataset     folders -> pairs of LR and HR files
    options     the command line
    record      what is kept of a measurement
    job         what parent and child tell each other, in files
    staging     every image decoded and checked, before anything is measured
    judge       SR against HR, in the parent
    provenance  hashes, commit, command, date

    snapshot, model_summary (official name), complexity  parameters, FLOPs, activations
    timing      stopwatches and peak memory
    device      BACKENDS: how a device is found, timed and watched
    machine     what a measurement ran on
    network     import, build, load a checkpoint
    restore     tiling, padding, what an output must be
    worker      the child process: the only program that runs a submission
    leakage     nothing is trained on a test image
    recipe      how a network is trained, as data: stages and profiles
    training_report  what is kept of it beside a checkpoint
    training_data, training_set  pairs of crops; which stage sees which images
    training_network  the forms a recipe passes through: warm start, merge, prune, ship
    objective   losses and learning rates
    training, training_run, training_summary  one step; all stages; how it went

    isolation   the child seen from its parent: time limit, kill, its answer validated
    progress    the progress bar
    evaluation  one submission from its files to its record
    official_results  results.json and results.txt
    store       the results folder
    run_log     the official log lines
    claims      the factsheet's figures beside the measured ones
    columns     the leaderboard's columns
    report      the leaderboard as CSV and on the terminal; the only place that rounds

To read the program, begin at test_demo.py and follow its calls: options, submission, dataset and
staging, evaluation, isolation, worker, judge, record, store, report.

The one file to open for
    a new metric            metrics.py    one entry in METRICS
    a new column            columns.py    one entry in OURS
    a new year              protocol.py   one entry in PROTOCOLS
    a new data set          none: --dataset NAME finds it; a new folder layout: dataset.py
    a new device            device.py     one entry in BACKENDS
    a new loss              objective.py  one entry in LOSSES
    a new wrapper key       network.py    one entry in WRAPPERS
"""
