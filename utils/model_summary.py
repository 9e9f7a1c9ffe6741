"""The names of the official `utils/model_summary.py`, with the official counts."""

from esr.measure.counts.official_counts import get_model_activation, get_model_flops
