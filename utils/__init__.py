"""Map of the house; this file imports nothing.

A module imports only those before it in this list.

    errors      the user's mistakes, exit codes
    escape      names and reasons from strangers as one visible line
    jsonfile    typed JSON, written atomically
    utils_logger  (official name) log files
    console     standard output, through rich
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
    conditions  what a measurement was taken under
    observed    what was seen while operations were counted
    record      what is kept of a measurement
    job         what parent and child tell each other, in files
    staging     every image decoded and checked, before anything is measured
    judge       SR against HR, in the parent
    crops       details of the worst and the best image
    provenance  hashes, commit, command, date
    bootstrap   runtime when warm and its interval, from the samples
    complexity_audit  what counters missed -> flags

    snapshot, model_summary (official name)  lent out and given back; the official counters
    side_path, dispatch_count, observation   one pass as PyTorch's dispatcher saw it, and what not
    complexity  parameters, FLOPs, activations by every counter
    layers      the same, layer by layer
    timing      stopwatches and peak memory
    device      BACKENDS: how a device is found, timed and watched
    machine     what a measurement ran on
    network     import, build, load a checkpoint
    restore     tiling, padding, what an output must be
    tamper      clocks, functions and settings that a submission has changed
    opwatch     what PyTorch's dispatcher carries out
    nvml        the state of the GPU
    bench       one image restored and timed; the official pass
    caching     is a network faster on what it has seen
    robust      the robust pass: warm, repeated, shuffled
    evidence    what could deceive, and was seen beside the measurement -> flags
    audit       the same, where it takes further passes
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
    interleave  one submission measured again between the others
    evaluation  one submission from its files to its record
    official_results  results.json and results.txt
    row         what a table's row is made from, and its figures
    store       the results folder
    run_log     the official log lines
    gate        the PSNR below which nobody is ranked
    scores      SCORES: figures -> score of a track
    entrants    figures that count, and why somebody is left out
    baseline    the network that scores are relative to
    ranking     who stands where by a protocol
    claims      the factsheet's figures beside the measured ones
    placing     ranks, scores, intervals as people read them
    column      what a column is
    ranking_columns, timing_columns, columns  what stands in a table
    remarks     what the figures cannot say themselves
    board       all that a table needs
    sheet       the board as people read it: rounded, ranked and unranked and failed apart
    table_csv   leaderboard.csv
    table_markdown  leaderboard.md
    latex_text, table_latex  leaderboard.tex
    html_table, html_bubbles, html_charts, html_parts, report_html  report.html
    formats     FORMATS: every file that is written
    noise       the test behind "beyond noise"
    facts, difference, circumstances, comparison  two runs side by side
    table_comparison, report_comparison  comparison.csv, comparison.md, the same on a terminal
    terminal    as many whole columns as fit
    layer_table  what `utils.layers` found, on the terminal
    report      what the commands print
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
    a new check             evidence.py   or audit.py, if it takes further passes
    a new loss              objective.py  one entry in LOSSES
    a new wrapper key       network.py    one entry in WRAPPERS
"""
