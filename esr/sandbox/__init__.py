"""What a submission may do to the machine, and what it was seen doing.

A module imports only those before it in this list.

    policy      limits, and which places are whose
    environment  the child's environment variables, by an allowlist
    family      processes that descend from this one; none of a submission's survives
    guard       memory, disk and processes of a running submission against its limits
    landlock    the kernel's file and signal rules, on where the kernel has them
    bubblewrap  `--sandbox`: no network, nothing but what the submission needs
    gate        where the worker waits until the machine is its own
    launch      the worker started under all of these
    output      what a submission prints, kept shortened
    traces      files that a submission has left in its private folder
    gpu_lock    one run of the harness on a GPU at a time
    allocation  the limit of memory, in the worker
    process     bounds of the files and the life of the worker, and its end; in the worker
    actor       whose code is running
    observer    what this process opens, starts and connects to, event by event
    deeds       which of it is a flag; in the worker
"""
