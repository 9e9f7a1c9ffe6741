"""A checkpoint that holds far more than its parameters is named, a training state is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from harness import Harness, nearest_state, tiny, write_pairs
from torch import nn

from esr.audit.checkpoint_size import checkpoint_flags


def test_a_training_state_is_no_table(tmp_path: Path) -> None:
    """Weights, their average and both moments of Adam are four times the parameters (PyTorch)."""
    network = nn.Conv2d(64, 512, 3)
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 64, 4, 4)).sum().backward()
    optimizer.step()
    file = tmp_path / "x.pth"
    state = network.state_dict()
    torch.save({"params": state, "params_ema": state, "optimizer": optimizer.state_dict()}, file)
    params = sum(parameter.numel() for parameter in network.parameters())
    assert file.stat().st_size > 3 * 4 * params
    assert list(checkpoint_flags([file], params)) == []


@pytest.mark.parametrize(("size", "named"), [(10 * 4000 + 2**20, False), (10 * 4001 + 2**20, True)])
def test_the_limit_is_ten_times_and_a_mebibyte(tmp_path: Path, size: int, named: bool) -> None:
    file = tmp_path / "x.pth"
    file.write_bytes(bytes(size))
    # 1000 parameters of 4 bytes.
    assert bool(list(checkpoint_flags([file, tmp_path / "gone.pth"], 1000))) == named


def test_a_table_beside_the_weights_stands_in_the_row(tmp_path: Path) -> None:
    made = Harness(tmp_path / "harness")
    write_pairs(tmp_path / "data")
    made.count_at(32)
    table = torch.zeros(3, 1000, 1000, dtype=torch.uint8)
    made.add("team01_Table", state={"params": nearest_state(), "table": table})
    made.add("team02_Plain")
    made.add("team03_Text", f'TABLE = """{"x" * 3_000_000}"""\n{tiny()}')
    done = made.run(
        "--model_id", "1", "2", "3", "--data_dir", str(tmp_path / "data"), "--device", "cpu"
    )
    assert done.returncode == 0, done.stderr
    # 48 filters of 3x3x3 and their biases: 1344 parameters; 3 MB of table.
    for label in ("01_Table", "03_Text"):
        flags = {f["name"]: f["detail"] for f in made.record(label)["flags"]}
        assert flags["large_checkpoint"] == (
            "with its source it holds 3.0 MB, its 1344 parameters need 0.0 MB"
        )
    assert "large_checkpoint" not in {f["name"] for f in made.record("02_Plain")["flags"]}
