"""LPIPS and DISTS, through torchmetrics where somebody has installed it; nothing here needs it.

A module imports only those before it in this list.

    request     what is asked, and the answer, as files
    helper      `python -m esr.images.perceptual.perceptual_helper`: PyTorch, torchmetrics, weights
    asking      the helper seen from the parent
"""
