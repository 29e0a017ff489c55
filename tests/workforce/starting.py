"""Pressing Start on the page before the work, as a marketplace's frame shows it."""

import re
from typing import Any

VERSION = re.compile(r'name="version" value="(\d*)"')


def is_asked(page: Any) -> bool:
    """Return whether this is the page with Start."""
    return b'name="start"' in page.content


def press_start(client: Any, address: str, page: Any, **fields: str) -> Any:
    """Press Start with the version of the consent text that the page shows."""
    shown = VERSION.search(page.content.decode())
    sent = {"start": "yes", "version": shown[1] if shown else ""} | fields
    return client.post(address, sent, headers={"sec-fetch-site": "same-origin"})


def opened(client: Any, address: str) -> tuple[str, Any]:
    """Open a task in a frame, and press Start if it is asked for. Returns the address of the task, and its page."""
    page = client.get(address)
    if page.status_code != 200 or not is_asked(page):
        return address, page
    reply = press_start(client, address, page)
    if reply.status_code != 303:
        return address, reply
    return reply.url, client.get(reply.url)
