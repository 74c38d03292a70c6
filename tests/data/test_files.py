import resource

import pytest

from config.errors import InputError
from data.files import write_whole


def test_a_file_is_written_with_the_folders_it_needs(tmp_path):
    write_whole(tmp_path / "a" / "b.txt", lambda file: file.write(b"all of it"))
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"all of it"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]


def test_a_full_disk_leaves_what_was_there_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(InputError, match=f"^{path}: could not be written"):
            write_whole(path, lambda file: file.write(bytes(5000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_breaks_off_leaves_nothing(tmp_path):
    def write(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "file", write)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_behind_is_swept(tmp_path):
    (tmp_path / ".file[1].4711.partial").write_bytes(b"half")
    (tmp_path / ".other.4711.partial").write_bytes(b"half")
    write_whole(tmp_path / "file[1]", lambda file: file.write(b"all of it"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.4711.partial", "file[1]"]
