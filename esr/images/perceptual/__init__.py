"""LPIPS and DISTS, through torchmetrics where somebody has installed it; nothing needs it."""
