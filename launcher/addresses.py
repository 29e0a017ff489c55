"""Under which addresses the site of a state folder runs, for itself and for the commands that print them."""

import os
from pathlib import Path

# The marketplace's port lies so far from the site's.
MARKETPLACE_STEP = 100


def marketplace_port(port: int) -> int:
    return port + MARKETPLACE_STEP if port + MARKETPLACE_STEP < 65536 else port - MARKETPLACE_STEP


def origins(port: int) -> dict[str, str]:
    """What the processes must know about the site's address, unless the caller decided otherwise."""
    chosen = {
        "PORT": str(port),
        "WORKER_ORIGIN": f"http://localhost:{port}",
        "STAFF_ORIGIN": f"http://127.0.0.1:{port}",
        "MARKETPLACE_ORIGIN": f"http://127.0.0.1:{marketplace_port(port)}",
    }
    decided = ("WORKER_ORIGIN", "STAFF_ORIGIN", "MARKETPLACE_ORIGIN")
    return chosen | {name: os.environ[name] for name in decided if os.environ.get(name)}


def remember_port(state: Path, port: int) -> None:
    """Kept when the site stops: it usually starts again where it was, and links that were sent out lead there."""
    (state / "port").write_text(f"{port}\n")


def origins_of_site(state: Path) -> dict[str, str]:
    """The origins of the site that runs or last ran on this state folder; nothing if PORT or no run says which."""
    try:
        port = int((state / "port").read_text())
    except (OSError, ValueError):
        return {}
    return {} if os.environ.get("PORT") else origins(port)
