"""Secrets that are made on the first start and stored in the state folder, readable by their owner only."""

import contextlib
import os
import secrets
import uuid
from pathlib import Path

# In the state folder: the signing key of the site on the embedded database.
SITE_KEY = "secret_key"


def make_site_key(state: Path) -> None:
    """Make the key that settings read but never write, unless the environment has one or needs none."""
    if not any(os.environ.get(name, "").strip() for name in ("SECRET_KEY", "DATABASE_URL")):
        kept_secret(state / SITE_KEY)


def read_secret(path: Path) -> str:
    """Return the secret in `path`, blank if there is none."""
    return path.read_text() if path.exists() else ""


def kept_secret(path: Path, n_bytes: int = 50) -> str:
    """Return the secret in `path`, made if there is none: `n_bytes` random bytes as url-safe text, mode 0600."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written completely under another name, then linked: two processes that start at once read the same secret.
        draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(n_bytes))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text()


def read_keys(path: Path) -> tuple[str, str]:
    """Return a requester's access key and secret, as the marketplace's `create_requester` prints them, or blanks."""
    lines = path.read_text().splitlines() if path.exists() else []
    keys = dict(line.split("=", 1) for line in lines if "=" in line)
    return keys.get("AWS_ACCESS_KEY_ID", ""), keys.get("AWS_SECRET_ACCESS_KEY", "")
