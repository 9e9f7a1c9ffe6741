"""Somebody's clone of an official repository, evaluated as it stands.

A module imports only those before it in this list. Up to `mirror` all is done by the parent, which
reads the clone's source and never runs it; what follows runs in the child.

    facts       what is told of a clone: by the child, and in the record
    values      expressions of a stranger's source that can be evaluated without running it
    path        a function followed in thought, for one id
    ladder      `select_model` read: its ids and names
    discovery   a clone -> its submissions
    loop        how the clone's own loop calls the network
    extract     the part of a source that one function needs
    commit      which commit of a clone is checked out
    mirror      a private copy of a clone
    patches     things put in the place of others for a while
    gate        torch.load: nothing in a checkpoint is run without leave
    redirect    CUDA calls carried out on the CPU, where there is no GPU
    stand_ins, absent  packages that are imported and not installed
    imports     the clone's modules and ours under the same names
    selection   what `select_model` is given and must return
    session     `select_model` called
"""
