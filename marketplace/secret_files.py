"""Secrets in the state folder, created once by `python -m marketplace`. Settings only read them."""

import contextlib
import os
import secrets
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEY_FILE = "marketplace_secret_key"


def state_dir() -> Path:
    return Path(os.environ.get("STATE_DIR") or ROOT / "var").absolute()


def make_key() -> None:
    """Create the marketplace's key, unless the environment has one or, as under https, must have one."""
    is_https = os.environ.get("MARKETPLACE_ORIGIN", "").strip().startswith("https://")
    if not is_https and not os.environ.get("MARKETPLACE_SECRET_KEY", "").strip():
        stored_secret(state_dir() / KEY_FILE, 50)


def read_key() -> str:
    """Return the stored key, blank if there is none yet: Django then stops anything that would sign."""
    file = state_dir() / KEY_FILE
    return file.read_text() if file.exists() else ""


def stored_secret(file: Path, n_bytes: int) -> str:
    """Return the secret in `file`, created if there is none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(secrets.token_urlsafe(n_bytes))
    try:
        # A link never replaces: of two processes that start at once, both read the same key.
        with contextlib.suppress(FileExistsError):
            os.link(fresh, file)
    finally:
        fresh.unlink()
    return file.read_text()
