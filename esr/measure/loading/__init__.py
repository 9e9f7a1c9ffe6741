"""From a model file and a checkpoint to a network: its class chosen, its keys made to fit."""
