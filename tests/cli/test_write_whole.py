"""Files are replaced in one piece; what is no file is never replaced."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from threading import Thread

import pytest

from conserved.cli import run
from conserved.files import write_whole


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    """As root a rename would turn /dev/null into a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"record")
    reader.join(timeout=10)
    assert read == [b"record"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize(
    "words",
    [
        ["simulate", "linear:2-1-1", "--dynamics", "gd", "--steps", "5", "--output"],
        ["analyze", "linear:2-1-1", "--no-laws", "--report"],
    ],
)
def test_the_commands_leave_devices_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str]
) -> None:
    pipe = tmp_path / "pipe.html"
    os.mkfifo(pipe)
    reader = Thread(target=pipe.read_bytes)
    reader.start()
    assert run([*words, str(pipe)]) in (0, 3)
    reader.join(timeout=10)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert os.listdir(tmp_path) == ["pipe.html"]
    capsys.readouterr()


def test_a_link_stays_and_so_do_permissions(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"old")
    file.chmod(0o600)
    link.symlink_to(file)
    write_whole(link, b"new")
    assert link.is_symlink()
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_failure_leaves_what_was_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no")

    file = tmp_path / "file"
    file.write_bytes(b"old")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="no"):
        write_whole(file, b"new")
    assert file.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_endless_laws_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A device has size 0 and never ends."""
    assert run(["simulate", "linear:2-1-1", "--law", "/dev/zero"]) == 2
    assert "larger than 64 MiB" in capsys.readouterr().err


def test_a_name_that_no_folder_takes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    name = str(tmp_path / ("a" * 300))
    words = ["simulate", "linear:2-1-1", "--dynamics", "gd", "--steps", "5", "--output", name]
    assert run(words) == 2
    assert "--output" in capsys.readouterr().err
