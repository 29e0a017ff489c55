"""Secrets that are made on the first start and kept in the state folder, readable by their owner only."""

import contextlib
import os
import secrets
import uuid
from pathlib import Path

# In the state folder: what the site on the embedded database signs with.
SITE_KEY = "secret_key"


def make_site_key(state: Path) -> None:
    """Make the key that settings read but never write, unless the environment says that they need none."""
    if not any(os.environ.get(name, "").strip() for name in ("SECRET_KEY", "DATABASE_URL")):
        kept_secret(state / SITE_KEY)


def read_secret(path: Path) -> str:
    """Return the secret in `path`, blank if nobody has made one."""
    return path.read_text() if path.exists() else ""


def kept_secret(path: Path, n_bytes: int = 50) -> str:
    """The secret in `path`, made if there is none: `n_bytes` random bytes as url-safe text, mode 0600."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written whole under another name, then linked: two processes that start at once read the same one.
        draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(n_bytes))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text()


def kept_pair(path: Path) -> tuple[str, str]:
    """A requester's access key and secret, as `create_requester` of the marketplace prints them; none: two blanks."""
    lines = path.read_text().splitlines() if path.exists() else []
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    return found.get("AWS_ACCESS_KEY_ID", ""), found.get("AWS_SECRET_ACCESS_KEY", "")
