"""The names of the official `utils/utils_image.py`, with the official values to the last digit."""

from esr.images.color import bgr2ycbcr, rgb2ycbcr, ycbcr2rgb
from esr.images.image_file import (
    get_image_paths,
    imread_uint,
    imsave,
    is_image_file,
    mkdir,
    mkdirs,
)
from esr.images.official_image import (
    augment_img,
    calculate_psnr,
    imresize,
    modcrop,
    shave,
    single2tensor3,
    single2tensor4,
    single2uint,
    tensor2single,
    tensor2uint,
    uint2single,
    uint2tensor3,
    uint2tensor4,
)
from esr.images.resample import imresize_np
from esr.images.ssim import calculate_ssim, ssim
