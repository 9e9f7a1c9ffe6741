"""A submission that compiles an operator of its own in its constructor, in a clone's select_model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest
import torch
from clones import write_clone
from harness import Harness, tiny, write_pairs

from esr.measure.loading.extension_builds import missing

OPERATOR = r"""
#include <Python.h>
static PyObject* f(PyObject*, PyObject* args) {
  unsigned long long from, to; long n;
  if (!PyArg_ParseTuple(args, "KKl", &from, &to, &n)) return nullptr;
  for (long i = 0; i < n; i++) ((float*)to)[i] = ((float*)from)[i];
  Py_RETURN_NONE;
}
static PyMethodDef methods[] = {{"f", f, METH_VARARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};
static PyModuleDef module = {PyModuleDef_HEAD_INIT, "esr_copy", nullptr, -1, methods};
PyMODINIT_FUNC PyInit_esr_copy() { return PyModule_Create(&module); }
"""
"""Without PyTorch's headers, which take half a minute to compile."""

EXTENSION = f"""
from pathlib import Path
from torch.utils import cpp_extension


class Ext(Tiny):
    def __init__(self):
        super().__init__()
        source = Path("copy.cpp").absolute()
        source.write_text({OPERATOR!r})
        self.operator = cpp_extension.load("esr_copy", [str(source)])

    def forward(self, x):
        x = super().forward(x).contiguous()
        copy = torch.empty_like(x)
        self.operator.f(x.data_ptr(), copy.data_ptr(), x.numel())
        return copy
"""
CUDA = EXTENSION.replace("[str(source)])", "[str(source)], with_cuda=True)").replace(
    "copy.cpp", "copy.cu"
)

needs_compiler = pytest.mark.skipif(
    not (shutil.which("c++") and shutil.which("ninja")), reason="needs a compiler and ninja"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    harness = Harness(tmp_path_factory.mktemp("extension") / "harness")
    write_pairs(harness.path / "data" / "demo")
    harness.count_at(16)
    harness.add("team01_Ext", tiny() + EXTENSION)
    harness.add("team02_Cuda", tiny() + CUDA)
    harness.add("team03_Tiny")
    return harness


def _failure(harness: Harness, label: str) -> tuple[str, str]:
    failure = json.loads((harness.results / "failures" / f"{label}.json").read_text())
    return failure["stage"], failure["reason"]


@needs_compiler
def test_it_is_built_and_measured_where_there_is_a_compiler(built: Harness) -> None:
    ids = ("1", "3") if torch.cuda.is_available() else ("1", "2", "3")
    done = built.run("--model_id", *ids, "--device", "cpu")
    assert "01_Ext: demo " in done.stdout, done.stdout + done.stderr
    record = built.record("01_Ext")
    (build,) = record["builds"]
    assert (build["name"], build["problem"]) == ("esr_copy", None)
    assert build["seconds"] > 0
    assert "c++" in build["printed"]
    assert "esr_copy.so" in (built.results / "logs" / "01_Ext.log").read_text()
    # It copies what the plain network returns.
    plain = built.record("03_Tiny")
    assert plain["builds"] == []
    scores = [[i["scores"] for i in each["splits"][0]["images"]] for each in (record, plain)]
    assert scores[0] == scores[1]
    if "2" in ids:
        assert done.returncode == 1
        stage, reason = _failure(built, "02_Cuda")
        assert stage == "build"
        assert "needs a GPU to build its extension esr_copy" in reason


def test_without_a_compiler_the_row_says_so(
    built: Harness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ids = ("1", "3") if torch.cuda.is_available() else ("1", "2", "3")
    save_dir = tmp_path / "results"
    done = built.run("--model_id", *ids, "--device", "cpu", "--save_dir", str(save_dir))
    assert done.returncode == 1
    built.results, results = save_dir, built.results
    try:
        reasons = {label: _failure(built, label) for label in ("01_Ext", "02_Cuda")[: len(ids) - 1]}
        assert built.record("03_Tiny")
    finally:
        built.results = results
    needs = {"01_Ext": "needs a C++ compiler (c++)", "02_Cuda": "needs a GPU and a C++ compiler"}
    for label, (stage, reason) in reasons.items():
        assert stage == "build"
        assert needs[label] in reason


@needs_compiler
def test_a_clone_builds_in_its_private_copy_within_bubblewrap(tmp_path: Path) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    clone = write_clone(tmp_path / "clone")
    beside = EXTENSION.replace(
        'Path("copy.cpp").absolute()', 'Path(__file__).with_name("copy.cpp")'
    )
    beside = beside.replace("[str(source)])", "[str(source)], build_directory=str(source.parent))")
    (clone / "models" / "team00_tiny.py").write_text(f"{tiny()}{beside}\n\nTiny = Ext\n")
    harness = Harness(tmp_path / "harness")
    write_pairs(harness.path / "data" / "demo")
    harness.count_at(16)
    run = ("--submission", str(clone), "--model_id", "0", "--device", "cpu", "--sandbox")
    done = harness.run(*run)
    if "bwrap is not permitted" in done.stderr:
        pytest.skip("bubblewrap is not permitted here")
    assert done.returncode == 0, done.stdout + done.stderr
    record = harness.record("00_Tiny_baseline")
    assert record["isolation"] == "bubblewrap"
    assert [build["problem"] for build in record["builds"]] == [None]
    assert not (clone / "models" / "copy.cpp").exists()


@pytest.mark.parametrize(
    ("has_gpu", "cuda_home", "needs_cuda", "says"),
    [
        (False, None, True, "needs a GPU to"),
        (True, None, True, "needs the CUDA compiler nvcc to"),
        (True, "/usr/local/cuda", True, None),
        (False, None, False, None),
    ],
)
def test_which_of_them_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, has_gpu, cuda_home, needs_cuda, says
) -> None:
    monkeypatch.setattr("esr.measure.loading.extension_builds._HAS_GPU", lambda: has_gpu)
    for program in ("c++", "ninja"):
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    module = ModuleType("cpp_extension")
    module.CUDA_HOME = cuda_home
    said = missing("ext", needs_cuda, module)
    assert says in said if says else said is None
    (tmp_path / "ninja").unlink()
    assert "ninja" in missing("ext", needs_cuda, module)
