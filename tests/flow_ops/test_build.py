"""The file of compiled kernels, which needs nvcc and no GPU."""

import shutil

import pytest

from flow_ops import build, kernels
from tests.warm import run


@pytest.fixture(scope="module")
def report():
    if not shutil.which("nvcc"):
        pytest.skip("no nvcc here")
    run("-m", "flow_ops.build")
    return build.read_report()


def test_every_kernel_is_there_for_every_architecture_and_none_spills(report):
    assert len(report) == 5 * (3 * 3 + 1) + 3 * 3
    for kernel, columns in report.items():
        assert set(columns) == set(kernels.ARCHITECTURES), kernel
        assert sum(spilled for _, spilled in columns.values()) == 0, kernel


def test_the_built_file_is_named_by_what_it_was_built_of(report, monkeypatch, tmp_path):  # noqa: ARG001
    name = kernels.built_file()
    assert name.is_file()
    changed = tmp_path / "kernels.cu"
    changed.write_text(kernels.SOURCE.read_text() + "\n")
    monkeypatch.setattr(kernels, "SOURCE", changed)
    assert kernels.built_file().name != name.name
    monkeypatch.undo()
    monkeypatch.setattr(kernels, "FLAGS", ("-std=c++20",))
    assert kernels.built_file().name != name.name


def test_a_second_build_is_none_and_the_report_is_a_table(report):
    before = kernels.built_file().stat().st_mtime_ns
    text = run("-m", "flow_ops.build", "--report").stdout
    assert kernels.built_file().stat().st_mtime_ns == before
    assert text.count("\n") == len(report) + 2
    assert "compute capability 7.5, 8.0, 8.6, 8.9, 9.0, 10.0, 12.0, and PTX" in text


def test_without_nvcc_nothing_fails(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(build, "built_file", lambda: tmp_path / "kernels-0.fatbin")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["flow_ops.build"])
    build.main()
    assert "first use" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_an_older_nvcc_compiles_for_what_it_knows(monkeypatch, tmp_path):
    nvcc = tmp_path / "nvcc"
    nvcc.write_text(f"""#!/bin/sh
case "$*" in
    --list-gpu-code) echo sm_75 sm_80 ;;
    *120*) exit 1 ;;
    *) echo "$*" >{tmp_path}/words; for last; do :; done; echo made >"$last" ;;
esac
""")
    nvcc.chmod(0o755)
    monkeypatch.setattr(build, "built_file", lambda: tmp_path / "kernels-0.fatbin")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    build.build()
    assert (tmp_path / "kernels-0.fatbin").read_text() == "made\n"
    assert "code=sm_80 -gencode=arch=compute_75,code=compute_75" in (tmp_path / "words").read_text()
