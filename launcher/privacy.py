"""The state folder belongs to its owner alone, with all that is in it: folders 0700, files 0600, whatever the umask."""

import contextlib
import os
import stat
from pathlib import Path
from typing import IO, Any

from launcher.places import can_walk, postgres_user

OTHERS = 0o077
# Postgres keeps its own closed, and may be another user. The last two are thrown away by ./test, which may be running.
NOT_OURS = ("pgdata", "pgdata.new", "postgres-sockets", "test", "migrated")
# May hold a million files, each of which is made closed: its contents are walked until the folder itself is closed.
LARGE = ("media",)


def private_file(path: Path, mode: str) -> IO[Any]:
    """Open a file that, if it is new, only its owner reads."""
    return open(path, mode, opener=lambda name, flags: os.open(name, flags, 0o600))


def write_privately(path: Path, text: str) -> None:
    with private_file(path, "w") as file:
        file.write(text)


def make_private(state: Path) -> None:
    """Make the state folder, or close it and what is in it to others. Repairs what an earlier version left open.

    If root runs it, Postgres has a user of its own, who may pass through the folder by its group, and not list it. An
    existing folder stays closed to that user: its cluster is elsewhere.
    """
    user = postgres_user()
    is_passed_through = user is not None and (not state.exists() or can_walk(state, user))
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    close_contents(state)
    if user and is_passed_through and can_walk(state.parent, user):
        os.chown(state, -1, user.pw_gid)
        state.chmod(0o710)
    else:
        state.chmod(0o700)


def close_contents(folder: Path) -> None:
    """Close all in a folder, from the inside out, but links and what belongs to another user."""
    for entry in os.scandir(folder):
        # Another process may remove it meanwhile.
        with contextlib.suppress(FileNotFoundError):
            status = entry.stat(follow_symlinks=False)
            is_ours = status.st_uid == os.geteuid() and entry.name not in NOT_OURS
            is_closed = not status.st_mode & OTHERS
            if not is_ours or stat.S_ISLNK(status.st_mode) or (is_closed and entry.name in LARGE):
                continue
            if stat.S_ISDIR(status.st_mode):
                close_contents(Path(entry.path))
            # A file with another name elsewhere is not ours alone: installed packages are linked from a cache, and into
            # environments outside, whose programs Postgres' user runs. The closed folder keeps it from others here.
            if not is_closed and (stat.S_ISDIR(status.st_mode) or status.st_nlink == 1):
                os.chmod(entry.path, stat.S_IMODE(status.st_mode) & ~OTHERS)
