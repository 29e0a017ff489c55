"""The set-up script: installs once, adds up, and says the way out where it cannot go on."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from annotation_site.services import install


def test_installing_again_does_nothing_and_never_takes_a_set_away(monkeypatch):
    called = []
    monkeypatch.setattr(install, "command", lambda words, *rest, **named: called.append(words))
    monkeypatch.setattr(install, "bring_uv", lambda: Path("uv"))
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
    with pytest.raises(SystemExit, match="needs 3.11 or newer"):
        install.main(["run"])


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


def test_manage_hands_on_the_exit_status_of_the_command():
    done = subprocess.run([install.ROOT / "manage", "no_such_command"], capture_output=True, text=True)
    assert done.returncode == 1 and "no_such_command" in done.stderr


def test_a_failed_step_is_shown_with_what_it_said(capsys):
    with pytest.raises(SystemExit, match="(?s)no such disk.*exit status 4"):
        install.command(["sh", "-c", "echo no such disk >&2; exit 4"], quiet=True)
