"""Checkpoints as users have them: other formats, other programs' files, prefixes that tools add."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import tarfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from harness import Harness, nearest_state, tiny, write_pairs, zip_bytes
from torch import nn

from esr.base.errors import UserError
from esr.measure.loading.network import load
from esr.submissions.checkpoint_file import read_checkpoint
from esr.submissions.discovery import adapt, discover

WEIGHT = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
STATE = {"0.weight": WEIGHT, "0.bias": torch.tensor([7.0, 8.0])}


def _network() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 2))


def _saved(state: object, **options: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer, **options)
    return buffer.getvalue()


def _file(tmp_path: Path, content: bytes, name: str = "team07_X.pth") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def _outputs(network: nn.Module) -> list[float]:
    return network(torch.ones(1, 3)).detach().flatten().tolist()


# On a row of ones: 1 + 2 + 3 + 7 = 13 and 4 + 5 + 6 + 8 = 23.
ON_ONES = [13.0, 23.0]


def test_safetensors_are_read_whatever_their_suffix(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    for name in ("team07_X.safetensors", "team07_X.pth"):
        network = _network()
        path = _file(tmp_path, safetensors.save(STATE), name)
        assert load(network, path, strict=True) == ""
        assert _outputs(network) == ON_ONES


def test_a_tensor_that_layers_share_is_there_under_both_names(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")

    class Shared(nn.Sequential):
        def __init__(self) -> None:
            one = nn.Linear(3, 3)
            super().__init__(one, one)

    trained, network = Shared(), Shared()
    path = tmp_path / "team07_X.safetensors"
    safetensors.save_model(trained, str(path))
    load(network, path, strict=True)
    assert torch.equal(network[1].weight, trained[0].weight)


def test_half_a_safetensors_file_and_an_absent_package_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    content = safetensors.save(STATE)
    with pytest.raises(UserError, match="safetensors file that is cut off or damaged"):
        read_checkpoint(_file(tmp_path, content[:-8]))
    monkeypatch.setitem(__import__("sys").modules, "safetensors", None)
    with pytest.raises(UserError, match=r"not installed; pip install safetensors$"):
        read_checkpoint(_file(tmp_path, content))


PREFIXED = {
    "torch.compile": "_orig_mod.{}",
    "DataParallel of compiled": "module._orig_mod.{}",
    "compiled DataParallel": "_orig_mod.module.{}",
    "Lightning": "model.{}",
    "Lightning, compiled": "model._orig_mod.{}",
    "Lightning, another attribute": "sr_network.{}",
    "Lightning, BasicSR's name": "net_g.{}",
    "Fabric": "_forward_module.{}",
    "FSDP": "_fsdp_wrapped_module.{}",
    "DataParallel": "module.{}",
    "flattened": "params_ema.{}",
}


@pytest.mark.parametrize("tool", PREFIXED)
@pytest.mark.parametrize("wrapper", [None, "params_ema", "state_dict"])
def test_a_prefix_is_stripped_where_the_rest_fits_and_it_is_said(
    tmp_path: Path, tool: str, wrapper: str | None
) -> None:
    state = {PREFIXED[tool].format(key): value for key, value in STATE.items()}
    path = _file(tmp_path, _saved({wrapper: state, "epoch": 3} if wrapper else state))
    network = _network()
    remark = load(network, path, strict=True)
    assert _outputs(network) == ON_ONES
    assert remark == (
        f"its '{PREFIXED[tool].format('0.weight')}' was loaded as '0.weight', and 1 more likewise"
    )


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)


BODY = {f"body.{key}": value for key, value in STATE.items()}

AROUND = {
    "a compiled part": {f"body._orig_mod.{key}": value for key, value in STATE.items()},
    "a part of several GPUs": {f"body.module.{key}": value for key, value in STATE.items()},
    "checkpointed activations": {
        f"body._checkpoint_wrapped_module.{key}": value for key, value in STATE.items()
    },
    "a loss beside it": {**{f"model.{k}": v for k, v in BODY.items()}, "loss.vgg": WEIGHT},
    "an averaged model": {**{f"module.{k}": v for k, v in BODY.items()}, "n_averaged": WEIGHT[0, 0]},
    "thop": {**BODY, "total_ops": WEIGHT[0, :1], "body.0.total_params": WEIGHT[0, :1]},
    "thop and DataParallel": {
        **{f"module.{k}": v for k, v in BODY.items()},
        "module.total_ops": WEIGHT[0, :1],
    },
    "an unknown wrapper": {"generator": BODY, "discriminator": {"weight": WEIGHT}},
    "two wrappers": {"ema": {"shadow": BODY}, "step": 4},
}  # fmt: skip


@pytest.mark.parametrize("case", AROUND)
def test_what_tools_leave_around_the_keys(tmp_path: Path, case: str) -> None:
    network = Inner()
    remark = load(network, _file(tmp_path, _saved(AROUND[case])), strict=True)
    assert _outputs(network) == ON_ONES
    assert remark


def test_what_is_ambiguous_or_does_not_fit_is_refused(tmp_path: Path) -> None:
    twice = {f"{name}.{key}": v for name in ("model", "ema_model") for key, v in STATE.items()}
    with pytest.raises(UserError, match=r"holds the network 2 times, as 'model\.' and 'ema_model"):
        load(_network(), _file(tmp_path, _saved(twice)), strict=True)
    averaged = {f"{name}.{key}": v for name in ("net_g", "net_g_ema") for key, v in STATE.items()}
    with pytest.raises(UserError, match=r"2 times, as 'net_g\.' and 'net_g_ema\.'; keep the one"):
        load(_network(), _file(tmp_path, _saved(averaged)), strict=True)
    with pytest.raises(UserError, match="holds the network 2 times, as 'a' and 'b'"):
        load(_network(), _file(tmp_path, _saved({"a": STATE, "b": STATE})), strict=True)
    # The head of a larger network is not the network, though its keys would fit.
    larger = {**{f"head.{key}": v for key, v in STATE.items()}, "tail.weight": WEIGHT}
    with pytest.raises(UserError, match=r"2 missing .*; 3 unexpected"):
        load(_network(), _file(tmp_path, _saved(larger)), strict=True)


def test_strict_false_does_not_measure_a_network_that_was_never_loaded(tmp_path: Path) -> None:
    path = _file(tmp_path, _saved({"other.weight": WEIGHT}))
    with pytest.raises(UserError, match=r"none of the 2 keys of the network Sequential"):
        load(_network(), path, strict=False)


def test_surplus_keys_name_strict_false_and_misfits_do_not(tmp_path: Path) -> None:
    surplus = _file(tmp_path, _saved({**STATE, "ema_step": WEIGHT}))
    with pytest.raises(UserError, match=r"1 unexpected \(ema_step\); .*strict = false in the TOML"):
        load(_network(), surplus, strict=True)
    load(_network(), surplus, strict=False)
    both = _file(tmp_path, _saved({"0.bias": STATE["0.bias"], "ema_step": WEIGHT}))
    with pytest.raises(UserError, match=r"1 missing \(0.weight\); 1 unexpected") as refused:
        load(_network(), both, strict=True)
    assert "strict = false" not in str(refused.value)


def _quantized(network: nn.Module) -> nn.Module:
    return torch.ao.quantization.quantize_dynamic(network, {nn.Linear})


@pytest.mark.filterwarnings("ignore")
def test_quantized_weights_load_into_a_quantized_network_and_not_into_a_float_one(
    tmp_path: Path,
) -> None:
    network = _network()
    network.load_state_dict(STATE)
    path = _file(tmp_path, _saved(_quantized(network).state_dict()))
    other = _quantized(_network())
    load(other, path, strict=True)
    # 8 bits of a range of 6: steps of 6 / 127, three products.
    assert _outputs(other) == pytest.approx(ON_ONES, abs=0.5)
    for strict in (True, False):
        with pytest.raises(UserError, match=r"8-bit weights of quantized layers .*_packed_params"):
            load(_network(), path, strict=strict)


def _tar(mode: str) -> bytes:
    buffer, content = io.BytesIO(), _saved(STATE)
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        member = tarfile.TarInfo("team07_X.pth")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _script() -> bytes:
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.trace(_network(), torch.ones(1, 3)), buffer)
    return buffer.getvalue()


def _npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, weight=np.ones(3))
    return buffer.getvalue()


LEGACY = {"_use_new_zipfile_serialization": False}
FOREIGN: dict[str, tuple[Callable[[], bytes], str]] = {
    "tar.gz": (lambda: _tar("w:gz"), r"is a tar\.gz archive.*; unpack it, .*tar xzf team07_X\.pth"),
    "tar": (lambda: _tar("w:"), "is a tar archive"),
    "tar.bz2": (lambda: _tar("w:bz2"), "is a bzip2 archive"),
    "tar.xz": (lambda: _tar("w:xz"), "is an xz archive"),
    "gzip": (lambda: gzip.compress(_saved(STATE)), "is a gzip archive.*; unpack it"),
    "zip": (
        lambda: zip_bytes({"best/net.pth": _saved(STATE)}),
        r"is a zip archive with best/net\.pth in it.*; unpack it",
    ),
    "zip without": (lambda: zip_bytes({"readme.txt": b"x"}), r"without a checkpoint in it \(readme\.txt"),
    "npz": (_npz, "is a NumPy archive"),
    "npy": (lambda: b"\x93NUMPY\x01\x00v\x00", "is a NumPy array"),
    "keras": (lambda: zip_bytes({"config.json": b"{}", "model.weights.h5": b""}), "is a Keras archive"),
    "TorchScript": (_script, "is a TorchScript archive"),
    # ModelProto: ir_version 8, producer_name "pytorch".
    "ONNX": (lambda: b"\x08\x08\x12\x07pytorch\x1a\x052.6.0", "is an ONNX file; save the plain"),
    # A Core ML file begins likewise, with a message where ONNX has a name.
    "Core ML": (lambda: b"\x08\x05\x12\x0e\x0a\x05input", r"X\.pth: is truncated or no checkpoint; copy"),
    "SavedModel": (lambda: b"\x08\x01\x12\xff\x01", "is a TensorFlow SavedModel"),
    "h5": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(90), r"is an HDF5 file, as TensorFlow and Keras"),
    "tflite": (lambda: b"\x1c\0\0\0TFL3" + bytes(90), "is a TensorFlow Lite network"),
    "MATLAB": (lambda: b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "is a MATLAB file"),
    "page": (
        lambda: b"\n<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title>",
        r"is a web page \('Google Drive - Virus scan warning'\), not a checkpoint; download it",
    ),
    "json": (lambda: b'{"error": "not found"}', r"web page or text \('{\"error\": \"not found\"}'"),
    "LFS": (lambda: b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer.*git lfs pull"),
    "empty": (lambda: b"", "is an empty file"),
    "zeros": (lambda: bytes(5000), "zeros where a checkpoint begins"),
    "text": (lambda: b"Not Found", r"truncated or no checkpoint \(it is text: 'Not Found'\)"),
    "cut off": (lambda: _saved(STATE)[:-200], "is truncated or no checkpoint"),
    "cut off, old": (lambda: _saved(STATE, **LEGACY)[:-7], "is truncated or no checkpoint"),
    "cut off early": (lambda: _saved(STATE, **LEGACY)[:40], "is truncated or no checkpoint"),
    "other pickle": (
        lambda: pickle.dumps({"a": np.ones(3)}),
        r"so loading it could run code \(a pickle that torch.save did not write\)",
    ),
    "options": (
        lambda: _saved({"state_dict": STATE, "hyper_parameters": Namespace(lr=1)}),
        r"holds more than tensors, so loading it could run code \(argparse\.Namespace\)",
    ),
    "network": (lambda: _saved(_network()), r"\(torch\.nn\.modules\.container\.Sequential\)"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_no_checkpoint_is_called_by_its_name(tmp_path: Path, kind: str) -> None:
    make, says = FOREIGN[kind]
    with pytest.raises(UserError, match=says) as refused:
        read_checkpoint(_file(tmp_path, make()))
    line = str(refused.value)
    assert line.isprintable()
    # PyTorch's own text, which is for those who call it.
    for essay in ("weights_only", "Weights only", "torch.load`", "PyTorch 2.6", "docs/stable"):
        assert essay not in line
    assert len(line) < 300


NEAR: dict[str, tuple[str, str]] = {
    "beside the model": ("models/team307_X.safetensors", "move it into model_zoo/"),
    "at the top": ("team307_X.pth", "move it into model_zoo/"),
    "in a folder": ("model_zoo/team307/team307_X.pth", "move it into model_zoo/"),
    "suffix": ("model_zoo/team307_X.bin", "its suffix is none of .pth, .pt, .ckpt, .pkl"),
    "no suffix": ("model_zoo/team307_X", "its suffix is none of"),
    "capital suffix": ("model_zoo/team307_X.PTH", "its suffix is in capital letters; rename it"),
    "capital name": ("model_zoo/Team307_x.pth", "capital letters count in its name; rename it"),
    "archive": ("model_zoo/team307_X.tar.gz", "it is an archive; unpack it"),
    "zip": ("model_zoo/team307_X.zip", "it is an archive; unpack it"),
    "no archive": ("model_zoo/team307_X.pth.tar", "its suffix is none of"),
    "ONNX": ("model_zoo/team307_X.onnx", ".onnx is of another program; save the state_dict"),
    "text": ("model_zoo/team307_X.pth.txt", "its suffix is none of"),
    "half": ("model_zoo/team307_X.pth.crdownload", "its download is not finished"),
    "another id": ("model_zoo/team308_X.pth", "it has another id; rename it to team307_X.pth"),
    "no id": ("model_zoo/X.pth", "its name has no id"),
    "no team": ("model_zoo/307_X.pth", "its name does not begin with team307"),
    "dash": ("model_zoo/team-307-X.pth", "its name does not begin with team307"),
    "misspelt": ("model_zoo/tem307_X.pth", "its name is a little different"),
}


@pytest.mark.parametrize("case", NEAR)
def test_a_near_miss_is_named_by_file(tmp_path: Path, case: str) -> None:
    name, says = NEAR[case]
    for file in (
        "models/team307_X.py",
        "model_zoo/team00_RFDN.pth",
        "model_zoo/team307_X.json",
        name,
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("")
    (entry,) = discover(tmp_path)
    assert entry.checkpoint is None
    expected = "no checkpoint: expected model_zoo/team307_X.pth; "
    assert entry.problem.startswith(f"{expected}{name} is there: ")
    for part in says.split("; "):
        assert part in entry.problem
    assert len(entry.problem) < 300


@pytest.mark.parametrize(
    ("stem", "file", "is_near"),
    [
        ("team42_TinyNet", "tinynet_best.pth", True),
        ("team42_TinyNet", "best-TinyNet.x4.pth", True),
        ("team42_Tiny_Net", "2026_tiny_net.pth", True),
        ("team42_Tiny_Net", "run_tiny-net_e99.pth", True),
        ("team42_TinyNet", "mytinynets_best.pth", False),
        ("team42_TinyNet", "team43_TinyNet_best.pth", False),
        ("team42_Tiny_Net", "net_tiny.pth", False),
        ("team42_A", "a_best.pth", False),
    ],
)
def test_what_training_left_under_the_networks_name_is_a_near_miss(
    tmp_path: Path, stem: str, file: str, is_near: bool
) -> None:
    for name in (f"models/{stem}.py", f"model_zoo/{file}"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (entry,) = discover(tmp_path)
    assert (f"model_zoo/{file} is there: " in entry.problem) == is_near
    assert (f"; rename it to {stem}.pth" in entry.problem) == is_near


def test_folders_links_and_names_in_the_sidecar_are_near_misses_too(tmp_path: Path) -> None:
    for folder in ("models", "model_zoo/team01_A.pth"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("models/team01_A.py", "models/team02_B.py", "models/team03_C.py"):
        (tmp_path / name).write_text("")
    (tmp_path / "model_zoo" / "team02_B.pth").symlink_to("nowhere.pth")
    (tmp_path / "model_zoo" / "best.pt").write_text("")
    (tmp_path / "models" / "team03_C.toml").write_text('checkpoint = "best.pth"\n')
    folder, link, stated = discover(tmp_path)
    assert "model_zoo/team01_A.pth is there: it is a folder, not a file" in folder.problem
    assert "model_zoo/team02_B.pth is there: it is a link that leads nowhere" in link.problem
    assert "model_zoo/best.pt is there: the TOML file states best.pth" in stated.problem
    assert adapt(stated, tmp_path / "model_zoo" / "best.pt", None).checkpoint.name == "best.pt"


def test_files_of_others_are_no_near_misses(tmp_path: Path) -> None:
    for name in (
        *("models/team307_X.py", "models/team308_Other.py", "models/team307_X.toml"),
        *("model_zoo/team308_Other.pth", "model_zoo/README.md", "model_zoo/team307_X.json"),
        *("model_zoo/team30_X2.pth", "model_zoo/.team307_X.pth.12.part", "readme.txt"),
        *("models/team307_X.py.bak", "models/team307_X.swp", "models/team307_X/__init__.py"),
        *("model_zoo/team307_X.pdf", "X/x.pth", "model_zoo/team307_X.json.bak"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    entry = discover(tmp_path)[0]
    assert entry.problem == (
        "no checkpoint: expected model_zoo/team307_X.pth; put it there or give --checkpoint PATH"
    )


def test_through_the_real_command(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    harness = Harness(tmp_path / "harness")
    harness.count_at(16)
    write_pairs(harness.path / "data" / "demo")
    zoo, state = harness.path / "model_zoo", nearest_state()
    harness.add("team01_Plain")
    harness.add("team02_Safe")
    (zoo / "team02_Safe.pth").unlink()
    (zoo / "team02_Safe.safetensors").write_bytes(safetensors.save(state))
    compiled = {f"_orig_mod.{key}": value for key, value in state.items()}
    harness.add("team03_Compiled", state=compiled)
    harness.add("team04_Archive")
    (zoo / "team04_Archive.pth").write_bytes(_tar("w:gz"))
    harness.add("team05_Tuple", tiny() + "\n\nclass Out(tuple):\n    a: int\n")
    harness.add("team06_Upper")
    (zoo / "team06_Upper.pth").rename(zoo / "team06_Upper.PTH")
    done = harness.run("--model_id", "all", "--device", "cpu")
    assert done.returncode == 1, done.stderr
    rows = harness.rows()
    plain, *others = (rows[label] for label in ("01_Plain", "02_Safe", "03_Compiled", "05_Tuple"))
    for row in others:
        assert (row["Status"], row["Val PSNR"]) == ("ok", plain["Val PSNR"]), row["Reason"]
    flags = {flag["name"]: flag["detail"] for flag in harness.record("03_Compiled")["flags"]}
    assert flags["checkpoint_adapted"] == (
        "its '_orig_mod.body.weight' was loaded as 'body.weight', and 1 more likewise"
    )
    assert "checkpoint_adapted" not in json.dumps(harness.record("02_Safe")["flags"])
    assert "is a tar.gz archive" in rows["04_Archive"]["Reason"]
    assert "model_zoo/team06_Upper.PTH is there" in rows["06_Upper"]["Reason"]
    assert "Traceback" not in done.stdout + done.stderr
