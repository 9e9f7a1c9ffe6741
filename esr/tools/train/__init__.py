"""How the checkpoints of model_zoo/ are made."""
