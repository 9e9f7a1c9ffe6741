"""Map of the house; this file imports nothing.

A module imports only those before it in this list; a name with a slash is a package, whose own
`__init__.py` is its map. Each map says what a room is for, one entry a line.

    errors      the user's mistakes, exit codes
    command     how a command ends
    escape      names and reasons from strangers as one visible line
    jsonfile    typed JSON, written atomically
    utils_logger  official name: log files
    console     standard output, through rich
    download    one file over HTTPS, resumed and verified
    parallel    one thread a core
    scratch     temporary folders that the next run removes if this one cannot
    images/     image files, resampling, color, SSIM
    utils_image  official name: image files, tensors, PSNR, SSIM
    perceptual/  LPIPS and DISTS, where torchmetrics is installed
    rtsr_metrics  the figures of the Real-Time challenge
    metrics     METRICS
    protocol    protocols/*.toml: what each year measures and ranks by
    sidecar     the TOML file beside a model
    checkpoint  a checkpoint read without running what code it holds
    submission  models/ and model_zoo/ -> Submission; never imports a model
    fork/       a clone of an official repository, evaluated as it stands
    zoo         the authors' own checkpoints
    registry    datasets.toml: the field's data sets, their layouts, licences, addresses
    layout      where the images of a set lie
    realtime    runtime of one fixed input: what is asked for, what was found
    realtime_options  the part of the command line about it
    dataset     folders -> pairs of LR and HR files
    manifest    which files a data set consists of, as hashes
    limits      how much of the machine a submission may use
    arguments   the flags of test_demo.py
    options     what they ask for
    conditions  what a measurement was taken under
    observed    what was seen while operations were counted
    measurement  what the child says of a submission
    job         what parent and child tell each other, in files
    staging     every image decoded and checked, before anything is measured
    judge       SR against HR, in the parent
    record      what is kept of a measurement
    archive/    what participants upload: written, checked, scored
    data_range  is the declared one what the network was made for
    crops       details of the worst and the best image
    provenance  hashes, commit, command, date
    bootstrap   runtime when warm and its interval, from the samples
    complexity_audit  what counters missed -> flags
    clone_flags  what of a clone is not as it would run by itself -> flags

    snapshot    attributes of a network lent out and given back
    model_summary  official name: FLOPs, activations
    count/      parameters, FLOPs, activations by every counter and by PyTorch's dispatcher
    measure/    a network built, loaded, run, timed, and watched while it runs
    rtsr/       the NTIRE 2023 Real-Time SR challenge: data, procedure, score, submissions
    audit/      what could deceive -> flags
    sandbox/    what a submission may use, see and reach, and what it was seen doing
    worker/     the child process: the only program that runs a submission
    entries     what a run is about: models/, a clone, an archive
    train/      recipes, training data, the training itself

    isolation   the child seen from its parent: started, let through, ended
    answer      what it says, as far as it can be believed
    progress    the progress bar
    data/       `python -m esr.datasets`: sets listed, checked, prepared, downloaded
    recording   what child and parent found -> Record
    workplace   what it takes to run submissions here
    splits      folders -> data sets, in the layout of a protocol
    staged_data  the decoded data of a run
    job_files   the folder of a job
    interleave  one submission measured again between the others
    steps       the next submission gets ready while the last one is scored
    evaluation  one submission from its files to its record
    official_results  results.json and results.txt
    rank/       records and official results -> who stands where
    store       the results folder
    resume      what need not be measured again
    run_log     the official log lines
    tables/     columns, and every file and screen that shows them
    check/      a participant's dry run: RULES
    compare/    two runs side by side
    leaderboard `python -m esr.tools.leaderboard`: rank what was measured, here or officially
    score_zip   `python -m esr.tools.upload.score_zip`: score an upload as the server does

To read the program, begin at test_demo.py and follow its calls: options, submission, staged_data,
evaluation, isolation, worker, answer, judge, record, store, rank, tables.

The one file to open for
    a new metric            metrics.py          one entry in METRICS
    a new column            tables/columns.py   one entry in OURS
    a new year              protocols/          one file; a new formula: one entry in rank/scores.py
    a new file or report    tables/formats.py   one entry in FORMATS
    a new data set          none: --dataset NAME finds it; facts and layouts: datasets.toml
    a new device            measure/device.py   one entry in BACKENDS
    a new check             audit/evidence.py   or audit/audit.py, if it takes further passes
    a new rule of --check   check/              one entry in SOURCE, NETWORK or FIGURES
    a new loss              train/objective.py  one entry in LOSSES
    a new wrapper key       measure/network.py  one entry in WRAPPERS
"""
