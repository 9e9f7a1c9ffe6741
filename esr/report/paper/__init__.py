"""The comparison that papers of the field print: PSNR and SSIM of Y on several sets."""
