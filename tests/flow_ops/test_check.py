import re

from tests.warm import run


def test_the_check_names_what_runs_and_how_exact_it_is():
    text = run("-m", "flow_ops.check").stdout
    rows = [line for line in text.splitlines() if re.search(r"float(16|32)", line)]
    assert len(rows) == 15
    assert all(float(row.split()[-1]) < (1e-5 if "float32" in row else 2e-2) for row in rows)
