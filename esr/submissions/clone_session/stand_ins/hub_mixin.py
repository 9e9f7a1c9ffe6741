"""In the place of `huggingface_hub.PyTorchModelHubMixin`: an empty base class.

Why it is the same: the mixin adds `save_pretrained`, `from_pretrained` and `push_to_hub` and leaves
a network's layers, weights and `forward` alone (huggingface.co/docs/huggingface_hub, package
reference, mixins). None of the three is called while a network is measured.
"""

from __future__ import annotations


class PyTorchModelHubMixin:
    """Takes the facts about a network that the real one takes in the line of its class."""

    def __init_subclass__(cls, **_facts: object) -> None:
        """Leave aside `library_name`, `tags`, `repo_url`, `license` and the like."""
        super().__init_subclass__()


REPLACES = ("huggingface_hub",)
NAMES: dict[str, object] = {
    "PyTorchModelHubMixin": PyTorchModelHubMixin,
    "ModelHubMixin": PyTorchModelHubMixin,
}
