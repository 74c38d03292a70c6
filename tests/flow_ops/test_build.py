"""The file of compiled kernels, which needs nvcc and no GPU."""

import re
import shutil

import pytest

from flow_ops import build, kernels
from tests.processes import run


@pytest.fixture(scope="module")
def report():
    if not shutil.which("nvcc"):
        pytest.skip("no nvcc here")
    run("-m", "flow_ops.build")
    return build.read_report()


def test_every_kernel_is_there_for_every_architecture_and_none_spills(report):
    entries = set(re.findall(r"name##_(\w+?)(?:##dtype)?\(", kernels.SOURCE.read_text()))
    assert {"forward_", "backward_", "scatter_", "list"} == entries
    assert len(report) == 4 * (3 * 3 + 1) + 3 * 3
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
    monkeypatch.setattr(kernels, "FLAGS", ("-O1",))
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


def test_the_check_names_what_runs_and_how_exact_it_is():
    text = run("-m", "flow_ops.check").stdout
    rows = [line for line in text.splitlines() if re.search(r"float(16|32)", line)]
    assert len(rows) == 15
    assert all(float(row.split()[-1]) < (1e-5 if "float32" in row else 2e-2) for row in rows)
