"""A data set checked: what is wrong with it, and what its LR images are."""
