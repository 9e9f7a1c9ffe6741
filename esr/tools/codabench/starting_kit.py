"""What participants begin with: the demo set, an upload made of it, and the scoring program."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from esr.base.house import ROOT
from esr.base.scratch import scratch_folder
from esr.challenge.protocol import NoiseRule
from esr.datasets.image_folders import list_images
from esr.datasets.noise import add_noise, image_seed
from esr.evaluate.upload.upload_format import Readme, sr_name
from esr.evaluate.upload.write_upload import write_upload
from esr.images import Image
from esr.images.image_file import encode_uint, imread_uint
from esr.images.metrics import METRICS
from esr.images.official_image import modcrop
from esr.images.resample import imresize_uint8
from esr.tools.codabench.information_pages import write_page
from esr.tools.codabench.reference_data import FILE, HR_FOLDER, Reference
from esr.tools.codabench.results_page import metric_title

DEMO = ROOT / "data" / "demo" / "HR"
_NOISE = NoiseRule(sigma=50, seed=0)
"""On the demo images of scale 1 of a challenge that says nothing of noise."""
_LOGO_PX = 480
_COARSE_PX = 48


@dataclass(frozen=True)
class DemoImage:
    """One picture of the kit."""

    name: str
    hr: Path
    lr: Image
    sr: Image
    scores: dict[str, float]


def make_kit(
    title: str, reference: Reference, program: dict[str, bytes], noise: NoiseRule | None
) -> dict[str, bytes]:
    """Make the starting kit of a competition, by path below its folder.

    Args:
        title: of the competition.
        reference: of a phase; the kit is compared likewise.
        program: the scoring program.
        noise: what LR has where it is HR with noise.
    """
    noise = noise or _NOISE
    images = [_restore(file, reference, noise) for file in list_images(DEMO)]
    names = tuple(image.name for image in images)
    demo = replace(reference, dataset="demo", images=names)
    suffix = f"x{reference.scale}" if reference.scale > 1 else ""
    page = write_page(
        "starting_kit",
        title=title,
        images=len(images),
        lr_note=f" (noise of standard deviation {noise.sigma:g})" if not suffix else "",
        method=f"bicubic interpolation x{reference.scale}" if suffix else "LR as it is",
        scores=", ".join(_mean(images, key) for key in reference.metrics),
    )
    return {
        "README.md": page,
        "example_upload.zip": _upload(images),
        **{f"LR/{Path(i.name).stem}{suffix}.png": encode_uint(i.lr, ".png") for i in images},
        f"input/ref/{FILE}": demo.text().encode(),
        **{f"input/ref/{HR_FOLDER}/{image.name}": image.hr.read_bytes() for image in images},
        **{f"scoring_program/{path}": content for path, content in program.items()},
    }


def make_logo() -> bytes:
    """Draw a demo image, coarse on the left and as it is on the right."""
    image = imread_uint(list_images(DEMO)[0])
    side = min(image.shape[:2])
    fine = cv2.resize(image[:side, :side], (_LOGO_PX, _LOGO_PX), interpolation=cv2.INTER_AREA)
    small = cv2.resize(fine, (_COARSE_PX, _COARSE_PX), interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(small, (_LOGO_PX, _LOGO_PX), interpolation=cv2.INTER_NEAREST)
    half = _LOGO_PX // 2
    return encode_uint(np.hstack([coarse[:, :half], fine[:, half:]]), ".png")


def _restore(file: Path, reference: Reference, noise: NoiseRule) -> DemoImage:
    scale = reference.scale
    hr: Image = modcrop(imread_uint(file), reference.crop_px)
    if scale > 1:
        lr = imresize_uint8(hr, 1 / scale)
        sr = imresize_uint8(lr, scale)
    else:
        lr = sr = add_noise(hr, noise.sigma, image_seed(file.stem, noise.seed))
    functions = {key: METRICS[key].function for key in reference.metrics}
    scores = {key: metric(sr, hr, reference.border_px) for key, metric in functions.items()}
    return DemoImage(file.name, file, lr, sr, scores)


def _mean(images: list[DemoImage], key: str) -> str:
    mean = sum(image.scores[key] for image in images) / len(images)
    return f"{metric_title(key)} {mean:.{METRICS[key].decimals}f}"


def _upload(images: list[DemoImage]) -> bytes:
    readme = Readme(0.01, True, False, "the example of the starting kit")
    with scratch_folder() as folder:
        for image in images:
            np.save(folder / f"{sr_name(image.name)}.npy", image.sr)
        files = [(image.name, folder / f"{sr_name(image.name)}.npy") for image in images]
        write_upload(folder / "upload.zip", files, readme)
        return (folder / "upload.zip").read_bytes()
