"""`--deploy`: the same network transformed, timed, scored, and why it cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from harness import Harness, nearest_state, tiny
from torch import Tensor, nn

from esr.base import json_file
from esr.base.errors import UserError
from esr.evaluate.dialogue.deployed_passes import DeployedPasses
from esr.evaluate.options import parse
from esr.measure.deploy.captured_network import capture_network
from esr.measure.deploy.compiled_network import CompiledGraphs, compile_network, forget_compiled
from esr.measure.deploy.converted_network import convert, lay_out_channels_last
from esr.measure.deploy.why_not import explain
from esr.measure.job import DeployedFolder, JobFolder, SubmissionFailed
from esr.measure.network_snapshot import preserved
from esr.records.timing_samples import DeployedRuntime, SteadySamples

ROOT = Path(__file__).resolve().parents[1]


def _network() -> nn.Module:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 48, 3, padding=1), nn.PixelShuffle(4))
    return network.requires_grad_(False).eval()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_converted_network_computes_in_its_type_and_is_given_back(dtype: torch.dtype) -> None:
    network, image = _network(), torch.rand(1, 3, 8, 9)
    before, weight = network(image), network[0].weight.clone()
    seen: list[torch.dtype] = []
    with preserved(network):
        convert(network, dtype)
        network[0].register_forward_hook(lambda _, args, output: seen.append(output.dtype))
        after = network(image)
    assert (seen, after.dtype) == ([dtype], torch.float32)
    # Both types have at least 8 significant bits: half a unit in the last place, a few times over.
    assert 0 < (before - after).abs().max() < 0.02
    assert torch.equal(network[0].weight, weight)
    assert torch.equal(network(image), before)


def test_channels_last_changes_layout_and_next_to_nothing_else() -> None:
    network, image = _network(), torch.rand(1, 3, 8, 9)
    before = network(image)
    seen: list[bool] = []
    with preserved(network):
        lay_out_channels_last(network)
        network[0].register_forward_pre_hook(
            lambda _, args: seen.append(args[0].is_contiguous(memory_format=torch.channels_last))
        )
        assert torch.allclose(network(image), before, atol=1e-5)
    assert seen == [True]
    assert network[0].weight.is_contiguous()


def test_a_compiled_network_gives_the_same_and_says_how_often_it_was_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "TORCHINDUCTOR_COMPILE_THREADS"):
        monkeypatch.setenv(name, "")
    network, graphs = _network(), CompiledGraphs()
    images = [torch.rand(1, 3, 8, 9), torch.rand(1, 3, 8, 9), torch.rand(1, 3, 10, 12)]
    expected = [network(image) for image in images]
    with torch.no_grad(), preserved(network):
        compile_network(network, graphs)
        assert graphs.recompilations is None
        for image, output, again in zip(images, expected, (0, 0, 1), strict=True):
            assert torch.allclose(network(image), output, atol=1e-5)
            assert graphs.recompilations == again
    forget_compiled()
    # Under names that `esr.sandbox.left_files` takes for a compiler's.
    written = {file.name for file in tmp_path.iterdir()}
    assert "torchinductor_deploy" in written
    assert all(name.startswith(("tmp", "torch_", "torchinductor_")) for name in written)


class _Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.mean() > 0.5 else -x


def test_data_dependent_control_flow_is_named() -> None:
    network = _Branching()
    with torch.no_grad(), preserved(network):
        compile_network(network, CompiledGraphs())
        with pytest.raises(Exception) as raised:  # noqa: PT011
            network(torch.rand(1, 3, 8, 9))
    forget_compiled()
    assert explain(raised.value).startswith("data-dependent control flow: ")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "out of memory: "),
        (MemoryError(), "out of memory"),
        (RuntimeError("\"foo_cpu\" not implemented for 'Half'"), "unsupported operator: "),
        (NotImplementedError("Could not run 'aten::x'"), "unsupported operator: "),
        (RuntimeError("operation not permitted when stream is capturing"), "cannot be recorded: "),
        (ValueError("shapes\n differ"), "ValueError: shapes differ"),
    ],
)
def test_what_stands_in_the_way_has_a_name(error: Exception, kind: str) -> None:
    assert explain(error).startswith(kind)
    assert "\n" not in explain(error)


def test_words_joined_are_one_combination_in_the_order_of_application() -> None:
    given = ["--deploy", "fp16", "compile+channels_last", "--deploy", "fp16", "graph+bf16"]
    ways = parse(given, ROOT).procedure.passes.deploy
    assert ways == (("fp16",), ("channels_last", "compile"), ("bf16", "graph"))
    assert parse([], ROOT).procedure.passes.ways == ()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["fp32"], "'fp32' is none of fp16, bf16, channels_last, compile, graph"),
        (["fp16+bf16"], "contradict"),
        (["compile+compile"], "twice"),
        (["compile+"], "'' is none of"),
        (["fp16", "--protocol", "rtsr2023"], "half precision after its fixed input"),
    ],
)
def test_what_cannot_be_deployed_is_refused_in_one_line(given: list[str], says: str) -> None:
    with pytest.raises(UserError) as refused:
        parse(["--deploy", *given], ROOT)
    assert says in str(refused.value)


def _heard(said: DeployedPasses, word: str, value: object = None, now_ms: float = 0) -> bytes:
    value = json_file.parse(object, json_file.to_line(value))
    handler = said.handlers.get(word)
    if handler is None:
        raise SubmissionFailed("invalid", f"'{word}' out of turn")
    return handler(value, int(now_ms * 1e6))


@pytest.fixture
def said(tmp_path: Path) -> DeployedPasses:
    ways = ((), ("bf16",), ("compile",))
    for number in range(len(ways)):
        folder = DeployedFolder(tmp_path, number)
        folder.sr.mkdir()
        np.save(folder.sr_image(0, 0), np.full((8, 8, 3), number, np.uint8))
    return DeployedPasses(JobFolder(tmp_path), 1, ways)


def _steady(ms: float) -> SteadySamples:
    return SteadySamples(((0,),), ((ms, ms),), "budget", 1, True, None, 0, None)


def _time(said: DeployedPasses, folder: JobFolder, ms: float, grey: int) -> None:
    np.save(folder.shown, np.full((8, 8, 3), grey, np.uint8))
    for _ in range(2):
        assert _heard(said, "pass", [0, [0]]).endswith(b"\n")
        _heard(said, "passed", ms, ms)
        _heard(said, "shown", None, ms)


def test_ways_are_told_in_turn_and_what_is_cut_names_its_reason(
    said: DeployedPasses, tmp_path: Path
) -> None:
    for number, ms in enumerate((10.0, 5.0)):
        _heard(said, "deploy", number)
        _time(said, JobFolder(tmp_path), ms, number)
        _heard(said, "deployed", DeployedRuntime([(), ("bf16",)][number], _steady(ms)))
    _heard(said, "deploy", 2)
    assert not said.is_complete
    said.cut("no result after 60 s")
    said.cut("killed")
    results = said.results()
    assert [result.words for result in results] == [(), ("bf16",), ("compile",)]
    assert [result.problem for result in results] == [None, None, "no result after 60 s"]
    assert list(said.flags()) == []


def test_what_is_out_of_turn_or_was_not_told_is_refused(
    said: DeployedPasses, tmp_path: Path
) -> None:
    for word, value in (("deploy", 1), ("deployed", DeployedRuntime(())), ("pass", [0, [0]])):
        with pytest.raises(SubmissionFailed):
            _heard(said, word, value)
    _heard(said, "deploy", 0)
    _time(said, JobFolder(tmp_path), 10.0, 0)
    for claim in (
        DeployedRuntime((), _steady(1.0)),
        DeployedRuntime(("bf16",), _steady(10.0)),
        DeployedRuntime((), _steady(10.0), problem="and yet"),
        DeployedRuntime(()),
    ):
        with pytest.raises(SubmissionFailed):
            _heard(said, "deployed", claim)
    with pytest.raises(UserError):
        _heard(said, "deployed", DeployedRuntime((), _steady(10.0), recompilations=-1))


def test_a_claim_that_the_parents_clock_does_not_bear_out_is_flagged(
    said: DeployedPasses, tmp_path: Path
) -> None:
    _heard(said, "deploy", 0)
    np.save(tmp_path / "shown.npy", np.zeros((8, 8, 3), np.uint8))
    for _ in range(3):
        _heard(said, "pass", [0, [0]])
        _heard(said, "passed", 10.0, 5000)
        _heard(said, "shown", None, 5000)
    _heard(said, "deployed", DeployedRuntime((), _steady(10.0)))
    assert [flag.name for flag in said.flags()] == ["runtime_not_as_seen"]


DIES = """if self.body.weight.dtype == torch.bfloat16:
            import os; os._exit(3)"""


def test_every_way_has_its_row_and_no_official_figure_depends_on_it(harness: Harness) -> None:
    harness.count_at(32)
    harness.add("team00_Tiny", tiny(), nearest_state())
    done = harness.run(
        "--deploy", "channels_last", "compile", "graph", "bf16", "--time_budget", "2"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    record = harness.record("00_Tiny")
    ways = {tuple(way["words"]): way for way in record["deployments"]}
    assert [*ways] == [(), ("channels_last",), ("compile",), ("graph",), ("bf16",)]
    assert ways["graph",]["problem"] == "graph needs CUDA"
    assert ways["graph",]["steady"] is None
    eager = ways[()]
    images = record["splits"][0]["images"]
    assert eager["psnr_db"] == pytest.approx(np.mean([i["scores"]["psnr"] for i in images]))
    assert eager["difference"] == 0
    # `nearest_state` copies pixels: a float of 32 bits in any layout keeps every level of them;
    # 8 significant bits keep 255 levels to half a level each, rounded once more.
    assert ways["channels_last",]["difference"] == ways["compile",]["difference"] == 0
    assert ways["compile",]["recompilations"] in (0, 1)
    assert ways["bf16",]["difference"] <= 1
    assert all(way["steady"]["mean_ms"] > 0 for key, way in ways.items() if key != ("graph",))
    assert not {flag["name"] for flag in record["flags"]} - {"outside_pytorch", "other_threads"}
    row = harness.rows()["00_Tiny"]
    assert row["Deployed graph problem"] == "graph needs CUDA"
    assert float(row["Deployed compile Time [ms]"]) == ways["compile",]["steady"]["mean_ms"]
    assert "Deployment runtimes, not official" in done.stdout
    report = (harness.results / "report.html").read_text()
    assert "Deployment runtimes" in report
    assert "graph needs CUDA" in report


def test_who_dies_when_transformed_keeps_what_was_measured(harness: Harness) -> None:
    harness.count_at(32)
    harness.add("team00_Tiny", tiny(before=DIES), nearest_state())
    done = harness.run("--deploy", "bf16", "channels_last", "--time_budget", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    record = harness.record("00_Tiny")
    problems = [way["problem"] for way in record["deployments"]]
    assert problems[0] is None
    assert problems[1].startswith("the process exited with status 3")
    assert problems[2].startswith("not tried, since before: the process exited")
    assert record["counts"]["flops_dispatch"]


def test_who_hangs_when_transformed_is_cut_and_keeps_what_was_measured(harness: Harness) -> None:
    harness.count_at(32)
    hangs = DIES.replace("import os; os._exit(3)", "import time; time.sleep(3000)")
    harness.add("team00_Tiny", tiny(before=hangs), nearest_state())
    done = harness.run("--deploy", "bf16", "--time_budget", "1", "--timeout", "25")
    assert done.returncode == 0, done.stdout + done.stderr
    eager, hanging = harness.record("00_Tiny")["deployments"]
    assert eager["steady"] is not None
    assert hanging["problem"].startswith("no result after 25 s")


def test_a_run_without_deploy_has_no_such_columns(harness: Harness) -> None:
    harness.add("team00_Tiny", tiny(), nearest_state())
    assert harness.run().returncode == 0
    assert not [title for title in harness.rows()["00_Tiny"] if title.startswith("Deployed")]
    assert "Deployment runtimes" not in (harness.results / "report.html").read_text()


@pytest.mark.gpu
def test_a_recorded_network_gives_the_same_for_every_size() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    network = _network().cuda()
    images = [torch.rand(1, 3, side, 9, device="cuda") for side in (8, 8, 10, 8)]
    expected = [network(image) for image in images]
    with torch.no_grad(), preserved(network):
        capture_network(network)
        outputs = [network(image) for image in images]
    for output, wanted in zip(outputs, expected, strict=True):
        assert torch.allclose(output, wanted, atol=1e-5)


@pytest.mark.gpu
def test_every_way_works_on_cuda(harness: Harness) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    ways = ["fp16", "channels_last", "compile", "graph", "bf16", "fp16+channels_last+compile+graph"]
    harness.add("team00_Tiny", tiny(), nearest_state())
    done = harness.run("--device", "cuda", "--deploy", *ways, "--time_budget", "5")
    assert done.returncode == 0, done.stdout + done.stderr
    deployments = harness.record("00_Tiny")["deployments"]
    assert [way["problem"] for way in deployments] == [None] * 7
    assert all(way["difference"] <= 1 for way in deployments)
