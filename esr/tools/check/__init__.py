"""A participant's dry run: `python test_demo.py --check --model_id N`.

A module imports only those before it in this list.

    side_effects  what a submission does beside restoring images
    rule        what a rule is, and what it finds
    source_rules    read from the files of a submission, which are not run
    subject     a network that rules may try; child only
    network_rules   found by running the network
    answer      what the child says
    figure_rules    found from how far it came, and from its figures
    rules       RULES
    worker      `python -m esr.tools.check.check_worker FOLDER`: the child
    listing     what the terminal shows
    check       submissions by every rule

A new rule is one entry in `SOURCE`, `NETWORK` or `FIGURES`, by where it is found out.
"""
