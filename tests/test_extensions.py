"""A submission that compiles an operator of its own in its constructor."""

from __future__ import annotations

import shutil

import pytest
from harness import Harness, tiny, write_pairs

EXTENSION = """
from torch.utils import cpp_extension


class Ext(Tiny):
    def __init__(self):
        super().__init__()
        code = "#include <torch/extension.h>\\nat::Tensor f(at::Tensor x){return x.clone();}"
        self.operator = cpp_extension.load_inline("esr_copy", code, functions=["f"])

    def forward(self, x):
        return self.operator.f(super().forward(x))
"""


@pytest.mark.skipif(not (shutil.which("g++") and shutil.which("ninja")), reason="needs a compiler")
def test_it_is_built_and_measured_where_there_is_a_compiler(tmp_path) -> None:
    harness = Harness(tmp_path / "harness")
    write_pairs(harness.path / "data" / "demo")
    harness.count_at(16)
    harness.add("team01_Ext", tiny() + EXTENSION)
    done = harness.run("--model_id", "1", "--device", "cpu")
    assert done.returncode == 0, done.stdout + done.stderr
    flags = {flag["name"] for flag in harness.record("01_Ext")["flags"]}
    assert "started_processes" in flags
