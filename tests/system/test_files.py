import os
import subprocess
import sys

import pytest

from system.errors import InputError
from system.files import whole_folder, write_whole
from tests.disk import files_end_at


def test_a_file_is_written_with_the_folders_it_needs(tmp_path):
    write_whole(tmp_path / "a" / "b.txt", lambda file: file.write(b"all of it"))
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"all of it"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]


def test_a_full_disk_leaves_what_was_there_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with files_end_at(1000), pytest.raises(InputError, match=f"^{path}: could not be written"):
        write_whole(path, lambda file: file.write(bytes(5000)))
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_breaks_off_leaves_nothing(tmp_path):
    def write(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "file", write)
    assert list(tmp_path.iterdir()) == []


def test_what_another_process_is_still_writing_stays(tmp_path):
    (tmp_path / f".file.{os.getppid()}.partial").mkdir()
    write_whole(tmp_path / "file", lambda file: file.write(b"all of it"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f".file.{os.getppid()}.partial", "file"]


def test_what_a_dead_process_left_goes_even_before_anyone_has_asked_how_it_ended(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
    (tmp_path / f".file.{dead.pid}.partial").mkdir()
    write_whole(tmp_path / "file", lambda file: file.write(b"new"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    dead.wait()


def test_what_a_killed_process_left_behind_is_swept(tmp_path):
    for name in ("file[1]", "other"):
        (tmp_path / f".{name}.99999999.partial").mkdir()
        (tmp_path / f".{name}.99999999.partial" / name).write_bytes(b"half")
    write_whole(tmp_path / "file[1]", lambda file: file.write(b"all of it"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.99999999.partial", "file[1]"]


def test_a_folder_is_there_when_its_block_is_through_and_not_before(tmp_path):
    with whole_folder(tmp_path / "deep" / "folder") as partial:
        (partial / "file").write_text("text")
        assert not (tmp_path / "deep" / "folder").exists()
    assert (tmp_path / "deep" / "folder" / "file").read_text() == "text"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["folder"]


def test_a_folder_whose_block_fails_leaves_nothing_and_one_that_was_left_is_swept(tmp_path):
    (tmp_path / ".folder.partial").mkdir()
    (tmp_path / ".folder.partial" / "leftover").touch()

    def fail():
        with whole_folder(tmp_path / "folder") as partial:
            assert list(partial.iterdir()) == []
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_one_stands_in_can_be_filled(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with whole_folder(".") as partial:
        (partial / "file").touch()
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["file"]


def test_a_full_disk_is_told_of_the_folder_and_leaves_nothing(tmp_path):
    with (
        pytest.raises(InputError, match=f"^{tmp_path / 'folder'}: could not be written .*too large"),
        whole_folder(tmp_path / "folder") as partial,
        files_end_at(1000),
    ):
        write_whole(partial / "file", lambda file: file.write(bytes(5000)))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    for name in ("file", "file/folder"):
        with pytest.raises(InputError, match="could not be written") as caught, whole_folder(tmp_path / name):
            pass
        assert str(caught.value).startswith(f"{tmp_path / name}: ")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    with pytest.raises(InputError, match="could not be written"), whole_folder(tmp_path / "full"):
        pass
    assert (tmp_path / "full" / "mine").exists()


def test_files_may_be_read_by_whom_the_umask_lets_even_where_a_writer_replaces_them(tmp_path):
    def replace(file):
        other = tmp_path / "other"
        other.write_bytes(b"all of it")
        other.chmod(0o600)
        other.rename(file.name)

    write_whole(tmp_path / "file", replace)
    (tmp_path / "plain").touch()
    assert (tmp_path / "file").read_bytes() == b"all of it"
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode
