"""Map of the house; this file imports nothing.

A module imports only those before it in this list.

    errors      the user's mistakes, exit codes
    jsonfile    typed JSON, written atomically
    utils_logger  (official name) log files
    download    one file over HTTPS, resumed and verified
    parallel    one thread a core
    resample    MATLAB's bicubic
    plain_png   the usual image file, decoded fast
    color, ssim, image_file, utils_image  (official name) image files, tensors, PSNR, SSIM
    metrics     METRICS
    protocol    protocols/*.toml: what each year measures and ranks by
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
    training_data, training  for train.py

    isolation   the child seen from its parent: time limit, kill, its answer validated
    progress    the progress bar
    evaluation  one submission from its files to its record
    official_results  results.json and results.txt
    row         what a table's row is made from, and its figures
    store       the results folder
    run_log     the official log lines
    gate        the PSNR below which nobody is ranked
    scores      SCORES: figures -> score of a track
    ranking     who stands where by a protocol
    claims      the factsheet's figures beside the measured ones
    columns     what stands in a table
    remarks     what the figures cannot say themselves
    board       all that a table needs
    table_csv   the CSV file
    formats     FORMATS: every file that is written
    report      the terminal
    leaderboard `python -m utils.leaderboard`: rank what was measured, here or officially

To read the program, begin at test_demo.py and follow its calls: options, submission, dataset and
staging, evaluation, isolation, worker, judge, record, store, ranking, board, formats, report.

The one file to open for
    a new metric            metrics.py    one entry in METRICS
    a new column            columns.py    one entry in OURS
    a new year              protocols/    one file; a new formula: one entry in scores.SCORES
    a new file or report    formats.py    one entry in FORMATS
    a new data set          none: --dataset NAME finds it; a new folder layout: dataset.py
    a new device            device.py     one entry in BACKENDS
    a new wrapper key       network.py    one entry in WRAPPERS
"""
