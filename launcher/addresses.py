"""Addresses of the site of a state folder, for the site itself and for the commands that print them."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from launcher.places import PlaceError

# Distance of the marketplace's port from the site's.
MARKETPLACE_STEP = 100
LOOPBACK = ("localhost", "127.0.0.1", "::1")
ORIGINS = ("WORKER_ORIGIN", "STAFF_ORIGIN", "MARKETPLACE_ORIGIN")


def marketplace_port(port: int) -> int:
    return port + MARKETPLACE_STEP if port + MARKETPLACE_STEP < 65536 else port - MARKETPLACE_STEP


def marketplace_origin(port: int) -> str:
    """Return the marketplace's origin beside a site on `port`, if MARKETPLACE_ORIGIN names no other."""
    return f"http://127.0.0.1:{marketplace_port(port)}"


def origins(port: int) -> dict[str, str]:
    """Return the variables that tell processes the site's addresses; those set in the environment stay as set."""
    defaults = {
        "PORT": str(port),
        "WORKER_ORIGIN": f"http://localhost:{port}",
        "STAFF_ORIGIN": f"http://127.0.0.1:{port}",
        "MARKETPLACE_ORIGIN": marketplace_origin(port),
    }
    return defaults | explicit_origins()


def explicit_origins() -> dict[str, str]:
    texts = {name: os.environ.get(name, "").strip().rstrip("/") for name in ORIGINS}
    return {name: origin for name, origin in texts.items() if origin}


def local_port(origin: str) -> int | None:
    """Return the port of an origin that this machine serves over plain http; None for all other origins.

    An origin without a port is None too: its port 80 is that of a proxy.
    """
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return None
    return port if parts.scheme == "http" and parts.hostname in LOOPBACK else None


def check_origins(port: int) -> None:
    """Raise PlaceError if the marketplace would get the site's port, or one that an origin of the site names."""
    explicit, all_origins = explicit_origins(), origins(port)
    shared = local_port(all_origins["MARKETPLACE_ORIGIN"])
    if shared == port:
        raise PlaceError(
            f"MARKETPLACE_ORIGIN={all_origins['MARKETPLACE_ORIGIN']} names the site's own port. "
            "Set it to another port, remove it, or choose another port for the site with ./run --port."
        )
    for name in ("WORKER_ORIGIN", "STAFF_ORIGIN"):
        if shared and name in explicit and local_port(explicit[name]) == shared:
            raise PlaceError(
                f"{name}={explicit[name]} names port {shared}, which is the marketplace's. "
                f"Remove {name}, or set MARKETPLACE_ORIGIN to another port."
            )


def elsewhere(port: int) -> list[str]:
    """Return a notice for each origin of the site that is set and names another port of this machine."""
    return [
        f"{name} is set: the site's links lead to {origin}, while it is served on port {port}"
        for name, origin in explicit_origins().items()
        if name != "MARKETPLACE_ORIGIN" and local_port(origin) not in (None, port)
    ]


def remember_port(state: Path, port: int) -> None:
    """Store the port beyond the site's stop: it usually starts there again, and links that were sent lead there."""
    (state / "port").write_text(f"{port}\n")


def origins_of_site(state: Path) -> dict[str, str]:
    """Return the origins of the site that runs or last ran on `state`; {} if PORT is set or no site has run."""
    try:
        port = int((state / "port").read_text())
    except (OSError, ValueError):
        return {}
    return {} if os.environ.get("PORT") else origins(port)
