"""Stand-ins of layers, against the real package where it is installed and by hand where not."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import pytest
import torch
from torch import nn

from esr.submissions.clone_session.absent_packages import AbsentPackages
from esr.submissions.clone_session.stand_ins import (
    basicsr_arch_util,
    functional_tensor,
    hub_mixin,
    timm_layers,
)
from esr.submissions.clone_session.stand_ins.basicsr_registry import ClassRegistry
from esr.submissions.clone_session.stand_ins.mmcv_conv_module import ConvModule

CONVOLUTIONS = [
    {},
    {"act_cfg": None},
    {"act_cfg": {"type": "LeakyReLU", "negative_slope": 0.3}},
    {"act_cfg": {"type": "GELU"}},
    {"act_cfg": {"type": "PReLU"}, "norm_cfg": {"type": "BN"}},
    {"norm_cfg": {"type": "GN", "num_groups": 2}},
    {"norm_cfg": {"type": "IN"}, "bias": True},
    {"norm_cfg": {"type": "BN"}, "order": ("norm", "conv", "act")},
    {"padding_mode": "reflect"},
    {"padding_mode": "circular", "groups": 2},
    {"with_spectral_norm": True},
]


@pytest.mark.parametrize("configuration", CONVOLUTIONS)
def test_a_convolution_is_the_one_of_mmcv(configuration: dict) -> None:
    real = pytest.importorskip("mmcv.cnn")
    torch.manual_seed(0)
    theirs = real.ConvModule(4, 8, 3, padding=1, **configuration).eval()
    ours = ConvModule(4, 8, 3, padding=1, **configuration).eval()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 4, 9, 7)
    assert torch.equal(ours(x), theirs(x))
    kinds = [type(layer).__name__ for layer in ours.modules()]
    assert kinds == [type(layer).__name__ for layer in theirs.modules()]


def test_a_convolution_by_hand() -> None:
    # All weights 1, bias -50: the middle of 3x3 ones is 9 - 50 = -41, leaky by 0.1 is -4.1.
    module = ConvModule(1, 1, 3, act_cfg={"type": "LeakyReLU", "negative_slope": 0.1})
    assert list(module.state_dict()) == ["conv.weight", "conv.bias"]
    with torch.no_grad():
        module.conv.weight.fill_(1)
        module.conv.bias.fill_(-50)
    assert module(torch.ones(1, 1, 3, 3)).item() == pytest.approx(-4.1)
    normed = ConvModule(1, 2, 3, norm_cfg={"type": "BN"})
    assert [*normed.state_dict()][:2] == ["conv.weight", "bn.weight"]


@pytest.mark.parametrize(
    "asked", [{"act_cfg": {"type": "HSwish"}}, {"norm_cfg": {"type": "LN2"}},
              {"conv_cfg": {"type": "DCNv2"}}])  # fmt: skip
def test_what_it_does_not_know_is_named_and_not_guessed(asked: dict) -> None:
    with pytest.raises(ModuleNotFoundError, match="needs the package mmcv"):
        ConvModule(1, 1, 3, **asked)


def test_mlp_is_the_one_of_timm() -> None:
    layers = pytest.importorskip("timm.layers")
    theirs, ours = layers.Mlp(6, 9, 4).eval(), timm_layers.Mlp(6, 9, 4).eval()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(3, 6)
    assert torch.equal(ours(x), theirs(x))
    assert timm_layers.to_2tuple((1, 2, 3)) == layers.to_2tuple((1, 2, 3))


def test_pixels_are_unshuffled_channel_by_channel() -> None:
    # Rows 0 1 / 2 3 of one 2x2 block become four channels in this order.
    image = torch.arange(4.0).reshape(1, 1, 2, 2)
    found = basicsr_arch_util.pixel_unshuffle(image, 2)
    assert found.flatten().tolist() == [0, 1, 2, 3]
    assert found.shape == (1, 4, 1, 1)


def test_weights_are_scaled_and_biases_filled() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(64, 64, 3), nn.BatchNorm2d(64), nn.Linear(9, 9))
    basicsr_arch_util.default_init_weights(net, 0.1, bias_fill=0.5)
    # He et al.: variance 2 / (64 * 9), here times 0.1 squared.
    assert net[0].weight.std().item() == pytest.approx(0.1 * (2 / 576) ** 0.5, rel=0.05)
    assert {each.bias[0].item() for each in net} == {0.5}
    stack = basicsr_arch_util.make_layer(nn.Linear, 3, in_features=2, out_features=2)
    assert len(stack) == 3
    assert len({id(layer) for layer in stack}) == 3


def test_a_registry_returns_what_it_is_given() -> None:
    registry = ClassRegistry("arch")

    @registry.register()
    class Net:
        pass

    assert registry.get("Net") is Net
    assert registry.register(Net, suffix="basicsr") is Net
    assert "Net" in registry
    assert [name for name, _ in registry] == ["Net", "Net_basicsr"]
    with pytest.raises(KeyError, match="'Nut'"):
        registry.get("Nut")


def test_weights_and_shapes_are_those_of_basicsr() -> None:
    real = pytest.importorskip("basicsr.archs.arch_util")
    nets = []
    for util in (real, basicsr_arch_util):
        torch.manual_seed(3)
        net = util.make_layer(nn.Conv2d, 2, in_channels=3, out_channels=3, kernel_size=3)
        util.default_init_weights(net, 0.1, bias_fill=0.2)
        util.default_init_weights([nn.BatchNorm2d(3), net[0]], nonlinearity="relu")
        nets.append(torch.cat([each.flatten() for each in net.state_dict().values()]))
    assert torch.equal(*nets)
    x = torch.rand(2, 3, 8, 12)
    assert torch.equal(real.pixel_unshuffle(x, 4), basicsr_arch_util.pixel_unshuffle(x, 4))
    assert real.to_2tuple(5) == basicsr_arch_util.NAMES["to_2tuple"](5)


def test_grey_is_the_one_of_torchvision() -> None:
    real = pytest.importorskip("torchvision.transforms._functional_tensor")
    for image in (torch.rand(2, 3, 5, 6), torch.randint(256, (3, 9, 9), dtype=torch.uint8)):
        for channels in (1, 3):
            grey = functional_tensor.rgb_to_grayscale(image, channels)
            assert torch.equal(grey, real.rgb_to_grayscale(image, channels))


def test_the_real_registry_does_the_same() -> None:
    module = pytest.importorskip("basicsr.utils.registry")
    theirs, ours = module.Registry("arch"), ClassRegistry("arch")
    for registry in (theirs, ours):
        registry.register(nn.Conv2d)
        registry.register(suffix="basicsr")(nn.Linear)
    assert [*theirs.keys()] == [*ours.keys()]
    assert theirs.get("Linear") is ours.get("Linear") is nn.Linear


def test_a_network_with_the_empty_mixin_has_the_same_layers() -> None:
    class Net(nn.Module, hub_mixin.PyTorchModelHubMixin, repo_url="x", license="mit", tags=["y"]):
        def __init__(self, width: int = 3) -> None:
            super().__init__()
            self.layer = nn.Linear(width, 1)

    assert list(Net(2).state_dict()) == ["layer.weight", "layer.bias"]
    assert Net(2).layer.in_features == 2


def test_grey_by_the_weights_of_bt601() -> None:
    # 0.2989 * 100 + 0.587 * 200 + 0.114 * 50 = 152.99, and whole numbers are cut: 152.
    image = torch.tensor([100, 200, 50], dtype=torch.uint8).reshape(3, 1, 1)
    assert functional_tensor.rgb_to_grayscale(image).item() == 152
    three = functional_tensor.rgb_to_grayscale(image.float(), 3)
    torch.testing.assert_close(three.flatten(), torch.full((3,), 152.99))


def test_modules_of_an_absent_package_lead_to_its_stand_ins() -> None:
    packages = AbsentPackages()
    packages.names |= {"basicsr", "mamba_ssm"}
    with packages.importable():
        archs = importlib.import_module("basicsr.archs")
        assert archs.arch_util.to_2tuple(3) == (3, 3)
        top = importlib.import_module("mamba_ssm")
        assert top.ops.selective_scan_interface.selective_scan_fn is not None
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("mamba_ssm.ops.triton.layernorm")
        with pytest.raises(ModuleNotFoundError, match="needs the package basicsr"):
            archs.arch_util.flow_warp()
    assert packages.stand_ins == {
        "basicsr.archs.arch_util.to_2tuple",
        "mamba_ssm.ops.selective_scan_interface.selective_scan_fn",
    }


def test_a_module_that_was_moved_is_found_under_its_old_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "timm"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "timm" / "models").mkdir(parents=True)
    for file in ("timm/__init__.py", "timm/models/__init__.py"):
        (tmp_path / file).touch()
    (tmp_path / "timm" / "layers.py").write_text("def own(): return 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    packages = AbsentPackages()
    assert packages.add(ModuleNotFoundError("no", name="timm.models.layers"))
    with packages.importable():
        layers: ModuleType = importlib.import_module("timm.models.layers")
        assert layers.own() == 7
        with pytest.raises(AttributeError):
            layers.DropPath  # noqa: B018
    assert packages.names == set()
    assert packages.stand_ins == {"timm.models.layers (timm.layers)"}
    for name in [name for name in sys.modules if name.partition(".")[0] == "timm"]:
        del sys.modules[name]  # Not by monkeypatch, which would put it back at the end.
