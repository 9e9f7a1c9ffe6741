"""How the checkpoints of model_zoo/ are made.

A module imports only those before it in this list.

    leakage     nothing is trained on a test image
    recipe      how a network is trained, as data: stages and profiles
    training_report  what is kept of it beside a checkpoint
    training_data, training_set  pairs of crops; which stage sees which images
    training_network  the forms a recipe passes through: warm start, merge, prune, ship
    objective   losses and learning rates
    training, training_run, training_summary  one step; all stages; how it went
"""
