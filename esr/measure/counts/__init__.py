"""Complexity of a network.

A module imports only those before it in this list.

    side_path       work that does not show in the output
    dispatch_count  one pass as PyTorch's dispatcher saw it
    observation     what the other counters missed of it
    complexity      parameters, FLOPs, activations by every counter
    layers          the same, layer by layer
"""
