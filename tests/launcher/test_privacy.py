"""The state folder is its owner's alone: also one that an earlier version, or an open umask, left open."""

import os
import stat

import pytest

from launcher import privacy
from launcher.places import postgres_user
from launcher.privacy import make_private, private_file, write_privately


def mode(path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture(autouse=True, params=[0o000, 0o022, 0o077])
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.fixture
def state(tmp_path):
    return tmp_path / "var"


def left_open(state) -> None:
    """Folders and files of an earlier version, which everybody reads."""
    for folder in ("logs", "parts", "media/originals", "uploads", "pgdata/base", "test/1/logs"):
        (state / folder).mkdir(parents=True)
    for name in ("logs/web.log", "media/originals/a.jpg", "port", "owner.lock", "pgdata/base/1", "test/1/logs/web.log"):
        (state / name).write_text("x")
    (state / "program").write_text("x")
    for path in (state, *state.rglob("*")):
        path.chmod(0o777 if path.is_dir() or path.name == "program" else 0o666)


def test_a_folder_that_was_left_open_is_closed_with_all_that_is_in_it(state, tmp_path):
    outside = tmp_path / "elsewhere"
    outside.write_text("x")
    outside.chmod(0o644)
    state.mkdir()
    left_open(state)
    (state / "link").symlink_to(outside)
    make_private(state)
    # The last two are of Postgres, and of tests that may be running.
    open_to_others = {path.relative_to(state).parts[0] for path in state.rglob("*") if mode(path) & 0o077}
    assert open_to_others == {"link", "pgdata", "test"}
    assert (mode(state / "logs" / "web.log"), mode(state / "logs"), mode(state / "program")) == (0o600, 0o700, 0o700)
    assert mode(outside) == 0o644, "a link is not followed"
    assert not mode(state) & 0o007 and mode(state) & 0o700 == 0o700


def test_a_program_that_is_linked_from_elsewhere_stays_open_there(state, tmp_path):
    program = tmp_path / "program"
    program.write_text("x")
    program.chmod(0o755)
    (state / "environment").mkdir(parents=True)
    (state / "environment" / "program").hardlink_to(program)
    (state / "environment").chmod(0o755)
    make_private(state)
    assert mode(program) == 0o755
    assert mode(state / "environment") == 0o700


def test_a_new_folder_is_closed(state):
    make_private(state)
    user = postgres_user()
    assert mode(state) in ({0o700, 0o710} if user else {0o700})
    assert mode(state) == 0o700 or (user and state.stat().st_gid == user.pw_gid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a user of its own for Postgres")
def test_an_existing_folder_stays_as_closed_to_postgres_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(privacy, "can_walk", lambda path, user: path == tmp_path or path.stat().st_mode & 0o001 != 0)
    closed, open_one = tmp_path / "closed", tmp_path / "open"
    closed.mkdir(mode=0o700)
    open_one.mkdir()
    open_one.chmod(0o755)
    for folder in (closed, open_one, tmp_path / "new"):
        make_private(folder)
    assert [mode(folder) for folder in (closed, open_one, tmp_path / "new")] == [0o700, 0o710, 0o710]


def test_many_files_are_not_walked_again(state, monkeypatch):
    state.mkdir()
    left_open(state)
    make_private(state)
    walked = []
    close = privacy.close_contents

    def noted(folder) -> None:
        walked.append(folder.name)
        close(folder)

    monkeypatch.setattr(privacy, "close_contents", noted)
    make_private(state)
    assert "logs" in walked and "media" not in walked


def test_a_file_is_made_closed(tmp_path):
    write_privately(tmp_path / "port", "8000")
    with private_file(tmp_path / "log", "ab") as log:
        log.write(b"x")
    assert [mode(tmp_path / name) for name in ("port", "log")] == [0o600, 0o600]
