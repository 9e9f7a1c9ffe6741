"""Tiling and padding by their properties, and what an output must be."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from esr.base.errors import UserError
from esr.images.output_image import tensor2levels
from esr.measure.restore import check_finite, check_output, restorer
from esr.submissions.sidecar import Sidecar


class _Counter(nn.Module):
    """Nearest neighbour x4 that remembers the sizes it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[tuple[int, int]] = []

    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        self.sizes.append((lr.shape[-2], lr.shape[-1]))
        return torch.nn.functional.interpolate(lr, scale_factor=4)


LR = torch.rand(1, 3, 70, 45, generator=torch.Generator().manual_seed(0))


def test_without_options_the_network_itself_restores() -> None:
    network = _Counter()
    assert restorer(network, Sidecar()) is network


@pytest.mark.parametrize("tile", [40, 45, 64, 256])
def test_tiles_of_a_pointwise_network_make_the_whole_image(tile: int) -> None:
    network = _Counter()
    tiled = restorer(network, Sidecar(tile=tile))(LR)
    torch.testing.assert_close(tiled, _Counter()(LR), rtol=0, atol=1e-6)
    assert set(network.sizes) == {(min(tile, 45), min(tile, 45))}


def test_the_official_tile_positions() -> None:
    # Official forward: stride 40 - 32 = 8 over 70 rows and 45 columns, the last tile at the border.
    network = _Counter()
    restorer(network, Sidecar(tile=40))(LR)
    assert len(network.sizes) == len([0, 8, 16, 24, 30]) * len([0, 5])


def test_overlapping_tiles_are_averaged() -> None:
    class Numbered(nn.Module):
        calls = 0

        def forward(self, lr: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return torch.full((1, 3, lr.shape[-2] * 4, lr.shape[-1] * 4), float(self.calls))

    sr = restorer(Numbered(), Sidecar(tile=40))(torch.zeros(1, 3, 40, 44))
    assert sr[0, 0, 0, 0] == 1
    assert sr[0, 0, 0, -1] == 2
    assert sr[0, 0, 0, 80] == 1.5


@pytest.mark.parametrize("multiple", [8, 16])
def test_padding_gives_multiples_and_the_crop_takes_it_back(multiple: int) -> None:
    network = _Counter()
    sr = restorer(network, Sidecar(size_multiple_px=multiple))(LR)
    assert all(side % multiple == 0 for side in network.sizes[0])
    torch.testing.assert_close(sr, _Counter()(LR), rtol=0, atol=0)


def test_padding_reflects() -> None:
    seen = []

    def network(lr: torch.Tensor) -> torch.Tensor:
        seen.append(lr)
        return torch.nn.functional.interpolate(lr, scale_factor=4)

    restorer(network, Sidecar(size_multiple_px=8))(LR)
    assert torch.equal(seen[0][..., 70, :45], LR[..., 68, :])
    assert torch.equal(seen[0][..., :70, 45], LR[..., :, 43])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_floating_type_is_an_image(dtype: torch.dtype) -> None:
    sr = torch.zeros(1, 3, 8, 12, dtype=dtype)
    assert check_output(sr, torch.zeros(1, 3, 2, 3), 4) is sr


@pytest.mark.parametrize(
    "sr",
    [
        torch.zeros(1, 3, 8, 11),
        torch.zeros(3, 8, 12),
        torch.zeros(1, 1, 8, 12),
        torch.zeros(1, 3, 8, 12, dtype=torch.uint8),
        torch.zeros(1, 3, 8, 12, dtype=torch.complex64),
        [torch.zeros(1, 3, 8, 12)],
        torch.zeros(1, 3, 8, 12).to_sparse(),
        torch.zeros(8, 12).to_sparse_csr(),
        torch.zeros(1, 3, 8, 12).to_mkldnn(),
        torch.zeros(1, 3, 8, 12, device="meta"),
        torch.nested.nested_tensor([torch.zeros(3, 8, 12)]),
        torch.nested.nested_tensor([torch.zeros(3, 8, 12)], layout=torch.jagged),
        torch.quantize_per_tensor(torch.zeros(1, 3, 8, 12), 0.1, 0, torch.quint8),
    ],
)
def test_anything_else_is_refused(sr: object) -> None:
    with pytest.raises(UserError, match="the network returned"):
        check_output(sr, torch.zeros(1, 3, 2, 3), 4)


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
@pytest.mark.parametrize("sidecar", [Sidecar(tile=40), Sidecar(size_multiple_px=16), Sidecar()])
def test_8_bits_are_an_image_in_tiles_and_under_padding_too(
    sidecar: Sidecar, dtype: torch.dtype
) -> None:
    sr = restorer(lambda lr: torch.ones_like(_Counter()(lr)).to(dtype), sidecar)(LR)
    assert torch.equal(sr.float(), torch.ones_like(_Counter()(LR)))


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_one_value_that_is_not_finite_is_refused(value: str, dtype: torch.dtype) -> None:
    sr = torch.zeros(1, 3, 8, 12, dtype=dtype)
    check_finite(*tensor2levels(sr, 1.0)[1])
    sr[0, 1, 2, 3] = float(value)
    with pytest.raises(UserError, match="NaN or infinity"):
        check_finite(*tensor2levels(sr, 1.0)[1])


@pytest.mark.parametrize("sidecar", [Sidecar(tile=40), Sidecar(size_multiple_px=16)])
@pytest.mark.parametrize("wrong", [lambda sr: sr.int(), lambda sr: sr[:, :1], lambda sr: (sr, sr)])
def test_a_wrong_output_is_noticed_in_tiles_and_under_padding(sidecar: Sidecar, wrong) -> None:
    with pytest.raises(UserError, match="the network returned"):
        restorer(lambda lr: wrong(_Counter()(lr)), sidecar)(LR)


def test_padding_further_than_the_image_repeats_the_border() -> None:
    network = _Counter()
    sr = restorer(network, Sidecar(size_multiple_px=64))(LR[..., :24, :20])
    assert network.sizes == [(64, 64)]
    torch.testing.assert_close(sr, _Counter()(LR[..., :24, :20]), rtol=0, atol=0)
