"""A browser for simulated people. It knows one site, that of the settings, and goes nowhere else."""

import http.client
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.utils.translation import gettext

from catalog.errors import UserError

MOST_TRIES = 5
LONGEST_WAIT_SECONDS = 65
SECONDS_FOR_A_REPLY = 30
MOST_REDIRECTS = 10
USER_AGENT = "SimulatedPerson/1.0"


class NoSite(UserError):
    """The site does not answer at the address of its worker pages."""


@dataclass(frozen=True)
class Reply:
    """A page, or the reply to a page's script. `address` is the path at which it stands."""

    status: int
    text: str
    address: str

    @property
    def next(self) -> str:
        """Return the address that a reply to the page's script leads to; empty for none."""
        try:
            fields = json.loads(self.text)
        except ValueError:
            return ""
        return str(fields.get("next", "")) if isinstance(fields, dict) else ""


class Browser:
    """One connection to the site, as a browser keeps it. It waits when asked to, and follows links within the site."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        parts = urlsplit(origin)
        if parts.scheme == "https":
            context = ssl.create_default_context()
            self.connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                parts.netloc, timeout=SECONDS_FOR_A_REPLY, context=context
            )
        else:
            self.connection = http.client.HTTPConnection(parts.netloc, timeout=SECONDS_FOR_A_REPLY)

    def get(self, address: str) -> Reply:
        return self._follow("GET", address, "", {})

    def send_form(self, address: str, fields: Mapping[str, Any]) -> Reply:
        """Send a form as a browser without scripts does."""
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": self.origin}
        return self._follow("POST", address, urlencode(fields, doseq=True), headers)

    def send_answer(self, address: str, fields: Mapping[str, Any]) -> Reply:
        """Send an answer as the script of a page does."""
        return self._follow("POST", address, json.dumps(fields), {"Content-Type": "application/json"})

    def close(self) -> None:
        self.connection.close()

    def _follow(self, method: str, address: str, body: str, headers: dict[str, str]) -> Reply:
        for _ in range(MOST_REDIRECTS):
            path = self._path(address)
            status, text, onward = self._ask(method, path, body, headers)
            if status not in (301, 302, 303):
                return Reply(status, text, path)
            method, address, body, headers = "GET", onward, "", {}
        raise NoSite(gettext("The worker pages at %(origin)s lead nowhere.") % {"origin": self.origin})

    def _path(self, address: str) -> str:
        parts = urlsplit(address)
        if parts.netloc and f"{parts.scheme}://{parts.netloc}" != self.origin:
            raise NoSite(gettext("A page leads away from the site, to %(address)s.") % {"address": address})
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def _ask(self, method: str, path: str, body: str, headers: dict[str, str]) -> tuple[int, str, str]:
        """Ask until there is an answer. A repeated answer has the same key, so it is stored once."""
        problem = ""
        for attempt in range(MOST_TRIES):
            try:
                self.connection.request(method, path, body or None, {"User-Agent": USER_AGENT} | headers)
                response = self.connection.getresponse()
                text = response.read().decode("utf-8", "replace")
            except (OSError, http.client.HTTPException) as error:
                problem = str(error)
                self.connection.close()
                time.sleep(0.2 * attempt)
                continue
            if response.status not in (429, 500, 502, 503):
                return response.status, text, response.headers.get("Location", "")
            problem = f"status {response.status}"
            time.sleep(min(_seconds(response.headers.get("Retry-After", "")), LONGEST_WAIT_SECONDS))
        message = gettext("The worker pages at %(origin)s do not answer (%(problem)s).")
        raise NoSite(message % {"origin": self.origin, "problem": problem})


def _seconds(text: str) -> int:
    return int(text) + 1 if text.isascii() and text.isdecimal() else 1
