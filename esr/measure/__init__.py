"""A network built, loaded, run and timed; all of it in the child.

A module imports only those before it in this list.

    timing      stopwatches and peak memory
    device      BACKENDS: how a device is found, timed and watched
    machine     what a measurement ran on
    network     import, build, load a checkpoint
    restore     tiling, padding, what an output must be
    opwatch     what PyTorch's dispatcher carries out
    nvml        the state of the GPU
    bench       one image restored and timed; the official pass
    caching     is a network faster on what it has seen
    robust      the robust pass: warm, repeated, shuffled
"""
