"""What is counted for the official input, against what passes over images of the set have cost.

The two must agree, but what a network costs need not grow with the area of its input. So the part
of an image that is about as large as the official input decides: there all of these come to within
a tenth of the same, the area, its square (attention), no growth at all (products of pooled
vectors), strips, and windows up to 64 px that an input is padded to. A whole image, larger or
smaller, may honestly cost what any of these laws allows. If the excess is, in every pass, that of
padding to multiples of one number, it is taken for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from esr.audit.record_flags import HIDDEN_SHARE, TIME_SHARE, conspicuous_share
from esr.records.measurement import Flag
from esr.records.network_counts import CountedPass, Counts

PADDED_TIMES = 2.0
"""What padding to windows and rounding of sizes may honestly add on an image of any size."""
_PADDED_TO_AT_MOST = 256
_USUAL_MULTIPLES = range(1, 65)
"""Of windows and strides. Whatever it is padded to otherwise has to explain all passes."""
_LAW_SHARE = 0.02
_SIMILAR_SHARE = 0.1
"""Of the area: by so much an input may differ from the official one and be like it."""
_LOW_SHARE = 0.7
"""Of what is counted: less on an input like it is no law, but for windows of 192 px and more."""


@dataclass(frozen=True)
class CountedImage:
    """A counted pass, and over what."""

    size: tuple[int, int]
    """(height, width) of LR."""
    seen: CountedPass
    is_smooth: bool = False
    """Whether it is a picture without detail."""


def timed_count_flags(counts: Counts, images: Sequence[CountedImage]) -> Iterator[Flag]:
    """Flag what the passes over images say otherwise than the counters.

    Args:
        counts: by the counters, for the official input.
        images: what else was counted.
    """
    if not images:
        return
    yield from list(_hidden(counts, images)) or _varying(counts, images)
    # As with the counters: weights computed from parameters beforehand leave those unused.
    beyond = max(i.seen.unregistered_elements - i.seen.untouched_elements for i in images)
    if share := conspicuous_share(beyond, counts.network_params):
        yield Flag(
            "unregistered_weights",
            f"{beyond} weights used in a timed pass are no parameters, {share:.0%} of all",
        )
    outside = min(image.seen.outside_share for image in images)
    if outside > TIME_SHARE:
        yield Flag(
            "outside_pytorch",
            f"{outside:.0%} at least of timed passes is between operations of PyTorch",
        )
    if not all(image.seen.makes_output for image in images):
        yield Flag("foreign_tensors", "no operation has made the output of a timed pass")


def _hidden(counts: Counts, images: Sequence[CountedImage]) -> Iterator[Flag]:
    if counts.flops_dispatch is None:
        return
    excess = [image for image in images if times_expected(counts, image) > 1 + HIDDEN_SHARE]
    if not excess or _is_padding(counts, images):
        return
    worst = max(excess, key=lambda image: times_expected(counts, image))
    height, width = worst.size
    official = "x".join(map(str, counts.input_size))
    text = (
        f"{counts.flops_dispatch / 1e9:.4g} G are counted for {official}"
        f", {worst.seen.flops / 1e9:.4g} G in a timed pass over an image of 3x{height}x{width}"
    )
    plain = [image for image in images if image.is_smooth and image not in excess]
    detailed = [i for i in images if not i.is_smooth and i.size in [p.size for p in plain]]
    # Where a picture of that size costs no more either, it is the size that decides.
    if plain and not (detailed and all(i not in excess for i in detailed)):
        height, width = plain[0].size
        smooth = f"{plain[0].seen.flops / 1e9:.4g} G over a smooth one of 3x{height}x{width}"
        yield Flag("flops_depend_on_input", f"{text}, {smooth}")
    else:
        yield Flag("flops_hidden", text)


def _varying(counts: Counts, images: Sequence[CountedImage]) -> Iterator[Flag]:
    """Flag a cost that is another for a picture than for the input of the counters.

    Parts in the size of that input alone are looked at: there every law by which an honest cost
    grows gives nearly what is counted, and two parts of the same size cost the same.
    """
    alike = [image for image in images if _is_like_official(counts, image)]
    if not alike or not counts.flops_dispatch or _is_padding(counts, images):
        return
    least, most = (pick(alike, key=lambda image: image.seen.flops) for pick in (min, max))
    apart = most.seen.flops > (1 + HIDDEN_SHARE) * least.seen.flops and most.size == least.size
    low = least.seen.flops < _LOW_SHARE * counts.flops_dispatch
    if apart or low:
        official = "x".join(map(str, counts.input_size))
        yield Flag(
            "flops_depend_on_input",
            f"{counts.flops_dispatch / 1e9:.4g} G are counted for {official}, "
            + ", ".join(
                f"{image.seen.flops / 1e9:.4g} G over a {'smooth ' * image.is_smooth}picture of"
                f" 3x{image.size[0]}x{image.size[1]}"
                for image in alike
            ),
        )


def _is_like_official(counts: Counts, image: CountedImage) -> bool:
    official = counts.input_size[1] * counts.input_size[2]
    areas = [height * width / official for height, width in image.seen.calls]
    return len(areas) == 1 and abs(areas[0] - 1) <= _SIMILAR_SHARE


def times_expected(counts: Counts, image: CountedImage) -> float:
    """Divide what a pass has cost by the most that it may honestly cost."""
    counted, calls = counts.flops_dispatch or 0, image.seen.calls
    official = counts.input_size[1] * counts.input_size[2]
    areas = [height * width / official for height, width in calls]
    # It need not grow at all.
    if _is_like_official(counts, image):
        return _ratio(image.seen.flops, counted * max(sum(areas), len(calls)))
    most = max(PADDED_TIMES * max(sum(areas), sum(area**2 for area in areas)), len(calls))
    linear = max(len(calls), *(_times_padded(counts, calls, to) for to in _USUAL_MULTIPLES))
    # Weights pass over an image once a pixel, whatever made them: only images pass over images.
    by_weights = image.seen.flops - image.seen.flops_of_images
    return max(_ratio(image.seen.flops, counted * most), _ratio(by_weights, counted * linear))


def _is_padding(counts: Counts, images: Sequence[CountedImage]) -> bool:
    """Whether one multiple to which sizes are padded explains all that was counted."""
    return any(
        all(
            abs(_ratio(image.seen.flops, _padded_flops(counts, image, multiple)) - 1) <= _LAW_SHARE
            for image in images
        )
        for multiple in range(2, _PADDED_TO_AT_MOST + 1)
    )


def _padded_flops(counts: Counts, image: CountedImage, multiple: int) -> float:
    return (counts.flops_dispatch or 0) * _times_padded(counts, image.seen.calls, multiple)


def _times_padded(counts: Counts, calls: Sequence[tuple[int, int]], multiple: int) -> float:
    """Divide areas by that of the official input, all padded to multiples of a number."""

    def area(height: int, width: int) -> int:
        return -(-height // multiple) * -(-width // multiple)

    return sum(area(*call) for call in calls) / area(*counts.input_size[1:])


def _ratio(number: float, other: float) -> float:
    if other:
        return number / other
    return float("inf") if number else 0.0
