"""Clones of an official repository, written by the tests in the styles that real ones use."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import torch
from harness import nearest_state, tiny

HEAD = """
import os.path
import logging
import torch
import argparse
import json
from pprint import pprint
from package_nobody_has import FlopCountAnalysis
from utils.model_summary import get_model_flops
from utils import utils_logger
from utils.sizes import FACTOR
from torch.nn import functional as F

"""

TAIL = """

def forward(img_lq, model, tile=None, tile_overlap=32, scale=4):
    if tile is None:
        return model(img_lq)
    parts = [model(part) for part in torch.split(img_lq, tile, dim=-1)]
    return torch.cat(parts, dim=-1)


def forward_team4(img_lq, model, tile=None):
    if torch.cuda.is_available():
        img_lq = img_lq.cuda()
    return 1 - model(F.pad(img_lq, (0, 3, 0, 1), 'reflect'))[..., :-4, :-12]


def run(model, model_name, data_range, tile, logger, device, args, mode="test"):
    sf = 4
    start = torch.cuda.Event(enable_timing=True)
    for img_lr, img_hr in select_dataset(args.data_dir, mode):
        img_lr = img_lr.to(device)
        start.record()
        if args.model_id == 4:
            img_sr = forward_team4(img_lr, model, tile)
        else:
            img_sr = forward(img_lr, model, tile)
        torch.cuda.synchronize()


def main(args):
    utils_logger.logger_info("log", log_path="run.log")
    model, model_name, data_range, tile = select_model(args, torch.device("cuda"))
    flops = FlopCountAnalysis(model, torch.rand(1, 3, 256, 256)).total()


if __name__ == "__main__":
    parser = argparse.ArgumentParser("NTIRE-EfficientSR")
    parser.add_argument("--data_dir", default="../", type=str)
    parser.add_argument("--model_id", default=0, type=int)
    parser.add_argument("--width", default=3, type=int)
    main(parser.parse_args())
"""

LADDER = """
def select_model(args, device):
    model_id = args.model_id
    if model_id == 0:
        # Plain.
        from models.team00_tiny import Tiny
        name, data_range = f"{model_id:02}_Tiny_baseline", 1.0
        model_path = os.path.join('model_zoo', 'team00_tiny.pth')
        model = Tiny()
        model.load_state_dict(torch.load(model_path), strict=True)
    elif model_id == 1:
        pass
    elif model_id == 2:
        # Tiled below; wrapped; imported by its name; its own packages.
        import importlib
        name, data_range = f"{model_id:02}_Wrapped", 255.0
        module = importlib.import_module(f'models.team{model_id:02}_wrapped.net')
        model = getattr(module, 'Net')(FACTOR, args.width).eval().to(device)
        loaded = torch.load('model_zoo/team02.ckpt', weights_only=False)
        model.load_state_dict(loaded['params_ema' if 'params_ema' in loaded else 'params'])
    elif model_id in (3, 4):
        from models.team03_greedy import Greedy
        name, data_range = "%02d_Greedy" % model_id, 1.0
        model = Greedy()
        state_dict = torch.load('model_zoo/team03.pth')
        model.load_state_dict({k.replace("module.", ""): v for k, v in state_dict.items()})
    elif model_id == 5:
        from models.team05_absent import Net
        name, data_range = f"{model_id:02}_Absent", 1.0
        model = Net()
    elif model_id == 6:
        from models.team00_tiny import Tiny
        name, data_range = f"{model_id:02}_NoFile", 1.0
        model = Tiny()
        model.load_state_dict(torch.load(os.path.join('model_zoo', 'team06.pth')))
    elif model_id == 7:
        name, data_range = f"{model_id:02}_Pickled", 1.0
        model = torch.load('model_zoo/team07.pth', weights_only=False)
    elif model_id == 8:
        raise NotImplementedError("withdrawn")
    elif model_id == -1:
        from models.team00_tiny import Tiny
        name, data_range = f"{model_id:02}_Wrong", "1.0"
        model = Tiny()
    else:
        raise NotImplementedError(f"Model {model_id} is not implemented.")

    model.eval()
    tile = 8 if model_id == 2 else None
    for k, v in model.named_parameters():
        v.requires_grad = False
    model = model.to(device)
    return model, name, data_range, tile
"""

WRAPPED = """
import torch
from torch import nn
from no_such_plots import pyplot as plt
from utils.sizes import FACTOR
from models.team02_wrapped.parts import shuffle
try:
    import no_such_speed_up
except ImportError:
    no_such_speed_up = None
assert no_such_speed_up is None


class Net(nn.Module):
    def __init__(self, factor, width):
        super().__init__()
        self.body = nn.Conv2d(width, width * factor**2, 3, padding=1)

    def forward(self, x):
        from utils.late import unchanged
        return shuffle(unchanged(self.body(x)), FACTOR)
"""

GREEDY = """
import logging
import numpy as np
import torch
from torch import nn

torch.backends.cudnn.benchmark = False
torch.cuda.set_device(torch.cuda.current_device())


class Greedy(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 48, 3, padding=1).cuda()
        self.one = torch.ones(1, device='cuda')
        self.cuda()
        self.body(torch.randn(1, 3, 20, 20).cuda())
        torch.cuda.synchronize()
        with open('model_zoo/cache.txt', 'w') as file:
            file.write('warm')
        with open('README.md', 'a') as file:
            file.write('changed')

    def forward(self, x):
        up = nn.functional.pixel_shuffle(self.body(x.to('cuda:0')), 4)
        return up * self.one + torch.zeros(up.shape, device=torch.device('cuda', 0))
"""


def write_clone(path: Path) -> Path:
    """Write a clone with submissions in many styles, and commit it."""
    for folder in ("models/team02_wrapped", "model_zoo", "utils"):
        (path / folder).mkdir(parents=True)
    files = {
        "test_demo.py": HEAD + LADDER + TAIL,
        "README.md": "A clone.\n",
        "models/team00_tiny.py": tiny(),
        "models/team02_wrapped/net.py": WRAPPED,
        "models/team02_wrapped/parts.py": "from torch.nn.functional import pixel_shuffle as shuffle\n",
        "models/team03_greedy.py": GREEDY,
        "models/team05_absent.py": "from absent_package.nn import Mamba\n\n\nclass Net(Mamba):\n    pass\n",
        "utils/sizes.py": "FACTOR = 4\n",
        "utils/late.py": "def unchanged(x):\n    return x\n",
        "utils/errors.py": "raise RuntimeError('of the clone')\n",
    }
    for name, text in files.items():
        (path / name).write_text(text)
    state = nearest_state()
    torch.save(state, path / "model_zoo" / "team00_tiny.pth")
    half = {key: value / 2 for key, value in state.items()}
    torch.save({"params": half, "params_ema": state}, path / "model_zoo" / "team02.ckpt")
    torch.save({f"module.{k}": v for k, v in state.items()}, path / "model_zoo" / "team03.pth")
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 48, 3, padding=1), torch.nn.PixelShuffle(4))
    network.load_state_dict({k.replace("body", "0"): v for k, v in state.items()})
    torch.save(network, path / "model_zoo" / "team07.pth")
    for arguments in ("init -q", "add -A", "-c user.name=a -c user.email=a@b.c commit -qm one"):
        subprocess.run(["git", "-C", str(path), *arguments.split()], check=True)
    return path


def tree_sha256(path: Path) -> str:
    """Hash every file of a folder with its name, `.git` left out: git itself touches its index."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if ".git" not in file.relative_to(path).parts:
            digest.update(f"{file.relative_to(path)}\n".encode())
            digest.update(file.read_bytes() if file.is_file() else b"")
    return digest.hexdigest()
