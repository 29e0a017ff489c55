"""The set-up script: installs once, adds up, and says the way out where it cannot go on."""

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from launcher import install


def test_installing_again_does_nothing_and_never_takes_a_set_away(monkeypatch):
    called = []
    monkeypatch.setattr(install, "command", lambda words, *rest, **named: called.append(words))
    monkeypatch.setattr(install, "install_uv", lambda: Path("uv"))
    monkeypatch.setattr(install, "python_identity", lambda: "this one")
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(install, "VENV", Path(folder))
        monkeypatch.setattr(install, "STAMP", Path(folder) / "installed.json")
        install.install({"run", "test"})
        first = len(called)
        assert first == 2, "one virtual environment, one sync"
        install.install({"run"})
        install.install({"test"})
        assert len(called) == first
        (Path(folder) / "bin").mkdir()
        (Path(folder) / "bin" / "python").touch()
        install.install({"demo"})
        names = [path.stem for path in called[-1] if isinstance(path, Path) and path.suffix == ".txt"]
        assert names == ["demo", "run", "test"]
        assert "--require-hashes" in called[-1]


def test_a_python_that_is_too_old_is_named(monkeypatch):
    monkeypatch.setattr(install.sys, "version_info", (3, 10, 4))
    with pytest.raises(SystemExit, match="needs Python 3.11 or newer"):
        install.main(["run"])


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_the_newest_python_is_the_first_that_answers_on_path_or_of_pyenv(monkeypatch, tmp_path):
    """The program on PATH may be pyenv's, which then reports that this version is not selected."""
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(install, "NEWER_PYTHONS", ((3, 96), (3, 95)))
    assert install.newest_python() == (install.sys.executable, install.python_identity())
    older = executable(tmp_path / "path" / "python3.95", "echo 3.95.2")
    assert install.newest_python() == (str(older), f"{older} 3.95.2")
    executable(tmp_path / "path" / "python3.96", "exit 127")
    assert install.newest_python()[0] == str(older)
    executable(tmp_path / "path" / "pyenv", f"echo {tmp_path}/pyenv")
    assert install.newest_python()[0] == str(older)
    newer = executable(tmp_path / "pyenv" / "versions" / "3.96.1" / "bin" / "python3.96", "echo 3.96.1")
    assert install.newest_python() == (str(newer), f"{newer} 3.96.1")


def test_an_environment_for_the_newest_python_is_made_anew_when_there_is_a_newer_one(monkeypatch, tmp_path):
    called = []
    monkeypatch.setattr(install, "command", lambda words, *rest, **named: called.append(words))
    monkeypatch.setattr(install, "install_uv", lambda: Path("uv"))
    monkeypatch.setattr(install, "PYTHON", "newest")
    monkeypatch.setattr(install, "VENV", tmp_path)
    monkeypatch.setattr(install, "STAMP", tmp_path / "installed.json")
    for python in ("python3.12", "python3.12", "python3.13"):
        monkeypatch.setattr(install, "newest_python", lambda python=python: (python, f"the {python} of this machine"))
        install.install({"newest_django"})
    assert [words[-2] for words in called if "venv" in words] == ["python3.12", "python3.13"]


@pytest.mark.parametrize(("words", "runs"), [([], 2), (["--soak"], 2), (["tests/test_design.py"], 1)])
def test_everything_includes_the_newest_django_and_fails_with_it(tmp_path, words, runs):
    script = tmp_path / "test"
    script.write_bytes((install.ROOT / "test").read_bytes())
    script.chmod(0o755)
    (tmp_path / "launcher").mkdir(parents=True)
    (tmp_path / "launcher" / "install.py").touch()
    for venv in (".venv", "var/newest_django"):
        executable(tmp_path / venv / "bin" / "python", f"[ $1 = -c ] || echo {venv} $*")
    done = subprocess.run([script, *words], capture_output=True, text=True)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, runs), done.stderr
    assert done.stdout.splitlines()[-1] == " ".join([".venv -m launcher.check", *words])
    assert ("var/newest_django" in done.stdout) == (runs == 2)
    executable(tmp_path / "var/newest_django" / "bin" / "python", "[ $1 = -c ] || exit 1")
    done = subprocess.run([script, *words], capture_output=True, text=True)
    assert (done.returncode, ".venv" in done.stdout) == ((1, False) if runs == 2 else (0, True))


def test_without_chromium_a_normal_user_is_told_the_command(monkeypatch):
    monkeypatch.setattr(install.shutil, "which", lambda name: None)
    monkeypatch.setattr(install.os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit, match="apt-get install --no-install-recommends chromium"):
        install.install_chromium()


def test_without_the_venv_module_a_normal_user_is_told_the_package(monkeypatch, tmp_path):
    monkeypatch.setattr(install, "BOOTSTRAP", tmp_path / "bootstrap")
    monkeypatch.setattr(install.sys, "executable", "/bin/false")
    monkeypatch.setattr(install.os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit, match="sudo apt-get install python3-venv"):
        install.make_bootstrap()


def test_a_mirror_that_only_pip_knows_is_handed_to_uv(monkeypatch):
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    monkeypatch.delenv("UV_INDEX_URL", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example.org/simple")
    assert install.index_for_uv() == {"UV_DEFAULT_INDEX": "https://mirror.example.org/simple"}
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://other.example.org/simple")
    assert install.index_for_uv() == {}


@pytest.fixture
def nothing_told(monkeypatch, tmp_path):
    """Remove all settings of certificates, and our own pip."""
    for name in (*install.UV_CERTIFICATES, "PIP_CERT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(install, "BOOTSTRAP", tmp_path)


def test_uv_trusts_the_authorities_of_this_machine(nothing_told):
    assert install.certificates_for_uv() == {"UV_SYSTEM_CERTS": "true"}


def test_an_authority_that_only_pip_knows_is_handed_to_uv(nothing_told, monkeypatch, tmp_path):
    (tmp_path / "bin").mkdir()
    pip = tmp_path / "bin" / "pip"
    pip.write_text('#!/bin/sh\n[ "$*" = "config get global.cert" ] && echo /etc/lab/authority.pem\n')
    pip.chmod(0o755)
    assert install.certificates_for_uv()["SSL_CERT_FILE"] == "/etc/lab/authority.pem"
    monkeypatch.setenv("PIP_CERT", "/own/authority.pem")
    assert install.certificates_for_uv()["SSL_CERT_FILE"] == "/own/authority.pem"


@pytest.mark.parametrize("name", sorted(install.UV_CERTIFICATES))
def test_what_the_user_told_uv_about_certificates_stands(nothing_told, monkeypatch, name):
    monkeypatch.setenv(name, "/own.pem")
    monkeypatch.setenv("PIP_CERT", "/pip.pem")
    assert install.certificates_for_uv() == {}


def test_an_untrusted_certificate_is_answered_with_the_way_out():
    with pytest.raises(SystemExit, match="(?s)UnknownIssuer.*SSL_CERT_FILE=.*PIP_CERT=.*exit status 2"):
        install.command(["sh", "-c", "echo invalid peer certificate: UnknownIssuer >&2; exit 2"])
    with pytest.raises(SystemExit) as other:
        install.command(["sh", "-c", "echo no room >&2; exit 2"])
    assert "SSL_CERT_FILE" not in str(other.value)


def open_files(pid: int) -> list[str]:
    # A link may be gone by the time it is read.
    return [os.path.realpath(link) for link in Path(f"/proc/{pid}/fd").iterdir()]


def test_ctrl_c_during_set_up_is_answered_in_a_line(tmp_path):
    """The script as it stands, in a checkout of its own, where it waits for the set-up of another one."""
    script = tmp_path / "launcher" / "install.py"
    script.parent.mkdir(parents=True)
    script.write_bytes(Path(install.__file__).read_bytes())
    (tmp_path / "var").mkdir()
    with open(tmp_path / "var" / "install.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = subprocess.Popen([sys.executable, script, "run"], stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 120
        while lock.name not in open_files(waiting.pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        waiting.send_signal(signal.SIGINT)
        _, said = waiting.communicate(timeout=120)
    assert waiting.returncode == 130
    assert said == "-- set-up stopped by Ctrl-C; the same command resumes it\n"


@pytest.mark.parametrize("script", ["run", "test", "manage", ".ci/run"])
def test_every_command_can_be_run_and_says_what_it_is(script):
    path = install.ROOT / script
    first, second = path.read_text().splitlines()[:2]
    assert path.stat().st_mode & 0o111 and first == "#!/usr/bin/env bash" and second.startswith("# ")


def test_a_relative_path_given_to_manage_is_the_callers(tmp_path):
    (tmp_path / "redis.py").write_text("raise SystemExit('a file of the caller was imported')")
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [install.ROOT / "manage", "shell", "--no-imports", "-v", "0", "-c", "import os; print(os.getcwd())"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == str(tmp_path), done.stderr


@pytest.mark.parametrize("words", [[], ["help"], ["--help"]])
def test_manage_lists_our_commands_first_with_a_line_each(words):
    done = subprocess.run([install.ROOT / "manage", *words], capture_output=True, text=True)
    usage, _, *lines = done.stdout.splitlines()
    assert usage == "Usage: ./manage COMMAND. Details: ./manage help COMMAND"
    rooms = [folder for folder in install.ROOT.glob("*/management/commands") if "marketplace" not in folder.parts]
    ours = {path.stem for folder in rooms for path in folder.glob("[a-z]*.py")}
    assert {"export", "open", "publish", "prepare"} <= ours
    listed = lines[: lines.index("")]
    assert {line.split()[0] for line in listed} == ours
    assert all(len(line.split()) > 4 and len(line) < 125 for line in listed)
    assert lines[-1].startswith("Commands of Django: ") and " migrate," in lines[-1]


def test_usage_says_how_the_command_is_given():
    done = subprocess.run([install.ROOT / "manage", "open", "contains", "--help"], capture_output=True, text=True)
    assert done.stdout.startswith("usage: ./manage open contains [-h] [--pairs FILE]")


def test_manage_hands_on_the_exit_status_of_the_command():
    done = subprocess.run([install.ROOT / "manage", "no_such_command"], capture_output=True, text=True)
    assert done.returncode == 1 and "no_such_command" in done.stderr


def test_a_failed_step_is_shown_with_what_it_said(capsys):
    with pytest.raises(SystemExit, match="(?s)no such disk.*exit status 4"):
        install.command(["sh", "-c", "echo no such disk >&2; exit 4"], quiet=True)
