"""Pairs of LR and HR images: found, listed, checked, prepared, downloaded, staged."""
