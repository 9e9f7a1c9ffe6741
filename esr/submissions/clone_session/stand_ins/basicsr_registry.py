"""In the place of `basicsr.utils.registry`: tables of classes by name.

basicsr 1.4.2 no longer builds with today's setuptools and imports what torchvision has removed.
Why it is the same: a registry returns the class that it is given as it is (BasicSR's documentation,
`docs/DesignConvention.md`: `@ARCH_REGISTRY.register()` above a class, `ARCH_REGISTRY.get(name)`),
so a network built from the class itself is not touched. Different on purpose: a name given twice
replaces the first, since a clone is imported anew when one of its packages was found missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, KeysView
from typing import Any


class ClassRegistry:
    """A table of classes and functions by name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._by_name: dict[str, Any] = {}

    def register(self, obj: Any = None, suffix: str | None = None) -> Any:  # noqa: ANN401
        """Enter an object under its name, or return the decorator that does."""
        if obj is None:
            return self._decorator(suffix)
        name = obj.__name__ if suffix is None else f"{obj.__name__}_{suffix}"
        self._by_name[name] = obj
        return obj

    def _decorator(self, suffix: str | None) -> Callable[[Any], Any]:
        return lambda obj: self.register(obj, suffix)

    def get(self, name: str, suffix: str = "basicsr") -> Any:  # noqa: ANN401
        """Find an object by its name, or by its name with a suffix.

        Raises:
            KeyError: there is none.
        """
        for each in (name, f"{name}_{suffix}"):
            if each in self._by_name:
                return self._by_name[each]
        raise KeyError(f"No object named '{name}' found in '{self._name}' registry!")

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self._by_name.items())

    def keys(self) -> KeysView[str]:
        """List the names."""
        return self._by_name.keys()


REPLACES = ("basicsr.utils.registry",)
NAMES: dict[str, object] = {
    "Registry": ClassRegistry,
    **{f"{kind.upper()}_REGISTRY": ClassRegistry(kind)
       for kind in ("dataset", "arch", "model", "loss", "metric")},
}  # fmt: skip
