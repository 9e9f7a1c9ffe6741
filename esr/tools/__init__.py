"""Commands beside the evaluation."""
