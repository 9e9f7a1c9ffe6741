"""Map of the house; this file imports nothing.

    argv -> options -> submissions x data sets -> [one child process each: LR in, SR and measurement
    out] -> scored against HR -> record -> ranked by the year's rule -> CSV, tables, report

The rooms in the order of that flow; a room imports only those before it:

    base/         errors, how a command ends, strangers' text, JSON, files, threads
    images/       image files, resampling, color, levels; PSNR, SSIM and every other metric
    challenge/    what a year measures and ranks by; the field's data sets
    datasets/     pairs of LR and HR images: found, checked, prepared, downloaded, staged
    submissions/  models/ and model_zoo/, sidecars, checkpoints, clones, archives
    records/      what a measurement and a record consist of; the results folder
    measure/      a network built, loaded, run, timed, counted; all of it in the child
    audit/        what could deceive -> flags
    sandbox/      what a submission may use, see and reach; its process from start to end
    evaluate/     one submission from its files to its record
    rank/         records and official results -> who stands where
    report/       columns, and every file and screen that shows them; two runs compared
    tools/        --check, uploads scored, competitions for Codabench, training, ranking again

To read the program, begin at test_demo.py and follow its calls: options, serial_engine,
pipeline, submission_run, isolated_process, worker, worker_result, scoring, finish_record,
results_folder, ranking, terminal.

The one file to open for
    a new metric            images/metrics.py        one entry in METRICS
    a new column            report/columns.py        one entry in OURS
    a new year              challenge/protocols/     one file; a new formula: rank/scores.py
    a sister challenge      challenge/protocols/     one file: docs/sister-challenges.md
    a new kind of challenge challenge/hooks.py       a folder beside it, which a protocol names
    a new file or report    report/formats.py        one entry in FORMATS
    a new data set          none: --dataset finds it; facts, layouts: challenge/datasets.toml
    a new device            measure/device.py        one entry in BACKENDS
    a new audit rule        audit/audit_rules.py     or audit_passes.py, if it takes further passes
    what a flag means       audit/flags.toml         one entry; python -m esr pages flags
    a new engine            evaluate/arguments.py    one entry in ENGINES
    a new word of --deploy  measure/deploy/          one entry in TRANSFORMATIONS
    a new rule of --check   tools/check/             one entry in SOURCE, NETWORK or FIGURES
    a new loss              tools/train/trainer.py   one entry in LOSSES
    a new wrapper key       measure/loading/         one entry in WRAPPERS of state_dict.py
    a new command           __main__.py              one entry in COMMANDS
"""

__version__ = "0.1.0"
