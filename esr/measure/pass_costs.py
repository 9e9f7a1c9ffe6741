"""What a forward pass will take, judged by those of the official pass."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import numpy as np

from esr.measure.bench import OfficialPass
from esr.measure.job import Job, JobFolder


@dataclass(frozen=True)
class ImageCost:
    """What one LR image took in the official pass."""

    pixels: int
    pass_s: float
    """Of the forward pass alone, by the wall clock."""
    whole_s: float
    """With reading it and saving SR."""


@dataclass(frozen=True)
class PassCosts:
    """What the images of every data set took."""

    splits: tuple[tuple[ImageCost, ...], ...]

    @property
    def official_s(self) -> float:
        """Of the whole official pass."""
        return sum(image.whole_s for split in self.splits for image in split)

    def round_s(self, split: int) -> float:
        """Of every image of a data set once more."""
        return sum(image.whole_s for image in self.splits[split])

    def warm_up_s(self, split: int, passes: int) -> float:
        """Of some passes over one image of every size."""
        by_size = {image.pixels: image.pass_s for image in self.splits[split]}
        return passes * sum(by_size.values())

    def of_size_s(self, pixels: int) -> float:
        """Of one input of another size: as much a pixel, but no less than an image took."""
        images = [image for split in self.splits for image in split]
        per_pixel = statistics.median(image.pass_s / image.pixels for image in images)
        return max(per_pixel * pixels, statistics.median(image.pass_s for image in images))


def read_costs(official: OfficialPass, job: Job, folder: JobFolder) -> PassCosts:
    """Put together what was seen of every image."""
    seen = iter(zip(official.laps, official.whole_s, strict=True))
    splits = []
    for number, split in enumerate(job.splits):
        images = []
        for index in range(split.count):
            lap, whole_s = next(seen)
            height, width, _ = np.load(folder.lr_image(number, index), mmap_mode="r").shape
            images.append(ImageCost(height * width, lap.wall_ms / 1000, whole_s))
        splits.append(tuple(images))
    return PassCosts(tuple(splits))
