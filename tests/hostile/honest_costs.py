"""No harm: costs that do not grow with the area, pooled, attended to and padded to windows."""

from torch.nn import functional


def deed(honest, x):
    pooled = functional.adaptive_avg_pool2d(x, 8).flatten(1)
    constant = pooled @ pooled.transpose(0, 1)
    tokens = functional.avg_pool2d(x, 8, ceil_mode=True).flatten(2).transpose(1, 2)
    quadratic = (tokens @ tokens.transpose(1, 2)).softmax(-1) @ tokens
    height, width = x.shape[-2:]
    windows = functional.pad(x, (0, -width % 48, 0, -height % 48), "replicate")
    padded = windows.unflatten(-1, (-1, 16)) @ x.new_full((16, 16), 1 / 16)
    return honest() + 0 * (constant.mean() + quadratic.mean() + padded.mean())
