"""Install the locked requirements into .venv. Runs before anything is installed: standard library only."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements"
# `./test --torch` names another one, so that several GB stay out of the usual one; `./test` has a second one for the
# AWS command line client, which needs other versions than we do, and a third for the newest Django.
VENV = ROOT / os.environ.get("INSTALL_INTO", ".venv")
# "newest": the environment is for the newest Python of this machine, not for the one that runs this.
PYTHON = os.environ.get("INSTALL_PYTHON", "")
STAMP = VENV / "installed.json"
BOOTSTRAP = ROOT / "var" / "bootstrap"
OLDEST_PYTHON = (3, 11)
# Versions that the packages are built for.
NEWER_PYTHONS = ((3, 14), (3, 13), (3, 12))
IDENTITY = "import sys, sysconfig; print(sys.version, sysconfig.get_platform())"
# A user's settings for uv's certificates: with one of them, nothing of ours is added.
UV_CERTIFICATES = {"SSL_CERT_FILE", "SSL_CERT_DIR", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS"}
CERTIFICATE_HINT = (
    "The server's certificate is not trusted. If a proxy or mirror has an authority of its own, name its file, and "
    "start again: SSL_CERT_FILE=/path/to/ca-certificates.crt PIP_CERT=/path/to/ca-certificates.crt. "
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
APT_INSTALL = ("apt-get", "install", "-y", "-qq", "--no-install-recommends")
APT_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive"}


def main(arguments: list[str]) -> None:
    """Install the named requirement sets, and a browser for the extra word `chromium`."""
    if sys.version_info < OLDEST_PYTHON:
        fail(
            f"This project needs Python 3.11 or newer; python3 is {sys.version.split()[0]} ({sys.executable}). "
            "Install a newer Python and put it first on PATH."
        )
    sets = {name for name in arguments if name != "chromium"}
    (ROOT / "var").mkdir(exist_ok=True)
    with open(ROOT / "var" / "install.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        install(sets)
        if "chromium" in arguments:
            install_chromium()


def install(requested: set[str]) -> None:
    """Sync .venv unless its stamp says that exactly these lock files are installed.

    Sets are only added: ./run after ./test keeps the test packages, so neither undoes the other's work.
    """
    stamp = read_stamp()
    sets = sorted(requested | set(stamp.get("sets", [])))
    python, identity = newest_python() if PYTHON == "newest" else (sys.executable, python_identity())
    state = {"sets": sets, "python": identity, "locks": digest(sets)}
    if stamp == state:
        return
    say(f"installing {', '.join(sets)} requirements into {os.path.relpath(VENV, ROOT)}")
    uv = install_uv()
    if stamp.get("python") != state["python"] or not (VENV / "bin" / "python").exists():
        command([uv, "venv", "--quiet", "--clear", "--no-project", "--python", python, VENV])
    locks = [REQUIREMENTS / f"{name}.txt" for name in sets]
    STAMP.unlink(missing_ok=True)
    command([uv, "pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode", "--python", VENV, *locks])
    STAMP.write_text(json.dumps(state))


def read_stamp() -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads(STAMP.read_text())
        return state
    except (OSError, ValueError):
        return {}


def digest(sets: list[str]) -> str:
    total = hashlib.sha256()
    for name in sets:
        total.update((REQUIREMENTS / f"{name}.txt").read_bytes())
    return total.hexdigest()


def python_identity() -> str:
    return f"{os.path.realpath(sys.executable)} {sys.version} {sysconfig.get_platform()}"


def newest_python() -> tuple[str, str]:
    """Return the newest Python on PATH or of pyenv, and its identity; without a newer one, that of this run."""
    newer = [version for version in NEWER_PYTHONS if version > sys.version_info[:2]]
    for path in (path for version in newer for path in pythons_of(*version)):
        # The program on PATH may be pyenv's, and only report that this version is not selected.
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            answer = subprocess.run([path, "-c", IDENTITY], capture_output=True, text=True, check=True).stdout
            return path, f"{os.path.realpath(path)} {answer.strip()}"
    return sys.executable, python_identity()


def pythons_of(major: int, minor: int) -> list[str]:
    """Return paths of Pythons of this version, on PATH and of pyenv."""
    on_path = shutil.which(f"python{major}.{minor}")
    pyenv = shutil.which("pyenv")
    root = subprocess.run([pyenv, "root"], capture_output=True, text=True).stdout.strip() if pyenv else ""
    of_pyenv = Path(root).glob(f"versions/{major}.{minor}.*/bin/python{major}.{minor}") if root else ()
    return ([on_path] if on_path else []) + sorted(map(str, of_pyenv), reverse=True)


def install_uv() -> Path:
    """Install uv from the package registry, by hash, into a virtual environment of its own under var/."""
    uv = BOOTSTRAP / "bin" / "uv"
    lock = REQUIREMENTS / "uv.txt"
    stamp = BOOTSTRAP / "uv.sha256"
    identity = hashlib.sha256(lock.read_bytes() + python_identity().encode()).hexdigest()
    if uv.exists() and stamp.exists() and stamp.read_text() == identity:
        return uv
    make_bootstrap()
    pip = [str(BOOTSTRAP / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    command([*pip, "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", lock])
    stamp.write_text(identity)
    return uv


def make_bootstrap() -> None:
    shutil.rmtree(BOOTSTRAP, ignore_errors=True)
    create = [sys.executable, "-m", "venv", str(BOOTSTRAP)]
    if subprocess.run(create, capture_output=True).returncode == 0:
        return
    shutil.rmtree(BOOTSTRAP, ignore_errors=True)
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say("python3 has no venv module: installing python3-venv")
        apt_install("python3-venv")
        command(create)
        return
    fail(
        f"{sys.executable} cannot create virtual environments. On Debian and Ubuntu, run: "
        "sudo apt-get install python3-venv. Then start again."
    )


def install_chromium() -> None:
    """Install Chromium, and where the distribution has it, its form without windows, in which tests cost half."""
    if any(shutil.which(name) for name in BROWSERS):
        return
    instruction = "apt-get install --no-install-recommends chromium"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        fail(f"The browser tests need Chromium on PATH. Install it, as root: {instruction}")
    say("installing Chromium for the browser tests")
    apt_install("chromium")
    shell = [*APT_INSTALL, "chromium-headless-shell"]
    subprocess.run(shell, env=os.environ | APT_ENVIRONMENT, capture_output=True)


def apt_install(package: str) -> None:
    environment = os.environ | APT_ENVIRONMENT
    command(["apt-get", "update", "-qq"], environment)
    command([*APT_INSTALL, package], environment, quiet=True)


def command(words: Sequence[str | Path], environment: dict[str, str] | None = None, quiet: bool = False) -> None:
    """Run a step. Its output is shown unless `quiet`; its errors are always shown if it fails."""
    texts = [str(word) for word in words]
    # The caller's own virtual environment must not receive the packages, and uv must use the installed Python.
    environment = (environment or dict(os.environ)) | {"UV_PYTHON_DOWNLOADS": "never"} | index_for_uv()
    environment |= certificates_for_uv()
    environment.pop("VIRTUAL_ENV", None)
    done = subprocess.run(
        texts, env=environment, stdout=subprocess.DEVNULL if quiet else None, stderr=subprocess.PIPE, text=True
    )
    if done.returncode:
        hint = CERTIFICATE_HINT if "certificate" in done.stderr.lower() else ""
        fail(f"{done.stderr}{hint}`{' '.join(texts)}` failed with exit status {done.returncode}.")
    if not quiet:
        sys.stderr.write(done.stderr)


def index_for_uv() -> dict[str, str]:
    """Return pip's index as a variable for uv, which does not read pip's configuration."""
    if {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & set(os.environ):
        return {}
    index = pip_setting("index-url")
    return {"UV_DEFAULT_INDEX": index} if index else {}


def certificates_for_uv() -> dict[str, str]:
    """Return variables that make uv trust the authorities of this machine and of pip, beside its own."""
    if any(os.environ.get(name) for name in UV_CERTIFICATES):
        return {}
    file = pip_setting("cert")
    return {"UV_SYSTEM_CERTS": "true"} | ({"SSL_CERT_FILE": file} if file else {})


def pip_setting(option: str) -> str:
    """Return an option of pip's from its variable or, once our pip is installed, its configuration; "" if not set."""
    value = os.environ.get(f"PIP_{option.upper().replace('-', '_')}", "")
    pip = BOOTSTRAP / "bin" / "pip"
    for section in ("global", "install"):
        if not value and pip.exists():
            words = [str(pip), "config", "get", f"{section}.{option}"]
            value = subprocess.run(words, capture_output=True, text=True).stdout.strip()
    return value


def say(message: str) -> None:
    print(f"-- {message}", file=sys.stderr, flush=True)


def fail(message: str) -> None:
    sys.exit(f"set-up stopped: {message}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        say("set-up stopped by Ctrl-C; the same command resumes it")
        sys.exit(130)
