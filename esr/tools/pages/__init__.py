"""Pages of docs/ and model_zoo/ that are measured and written, not typed."""
