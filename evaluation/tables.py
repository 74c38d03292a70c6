"""A scoring as text for the terminal."""

import math

from evaluation.measures import higher_is_better
from evaluation.wording import counted, sides

_DIGITS = {"psnr": 2, "fid": 2, "kid": 5}
_BESIDE = ("kid_std",)  # Stands in the row of its measure.


def report_text(report, out):
    """Everything there is to say of a Report, saved in the folder `out`."""
    heading = (
        f"{counted(report.pairs, 'pair')} of {counted(report.people, 'person', 'people')}; "
        f"protocol {report.protocol.name}, at {sides(report.size)} (height x width); [95 % intervals]"
    )
    parts = [heading, "", scores_table(report)]
    if report.differences:
        first = next(iter(report.scores))
        title = f"Differences to {first}, pair by pair; share of pairs in which the method is better, ties as half"
        parts += ["", title, "", differences_table(report)]
    parts.append("")
    for reason in dict.fromkeys(report.missing.values()):
        without = ", ".join(measure for measure, why in report.missing.items() if why == reason)
        parts.append(f"{without}: not computed: {reason}")
    parts += [f"note: {sentence}" for sentence in report.notes]
    parts.append(f"saved in {out}")
    return "\n".join(parts)


def scores_table(report):
    """Measures as rows, methods as columns."""
    rows = {}
    for method, scores in report.scores.items():
        for measure, estimate in report.estimates[method].items():
            fewer = "" if estimate.count == report.pairs else f" ({counted(estimate.count, 'pair')})"
            label = f"{_label(measure)}{fewer}"
            rows.setdefault(label, {})[method] = _with_interval(measure, estimate, "")
        for measure, value in scores.sets.items():
            if measure not in _BESIDE:
                spread = scores.sets.get(f"{measure}_std")
                beside = "" if spread is None else f" +- {_number(measure, spread)}"
                rows.setdefault(_label(measure), {})[method] = f"{_number(measure, value):>6}{beside}"
    return _table(list(report.scores), rows)


def differences_table(report):
    """Measures as rows, the methods after the first as columns."""
    rows = {}
    for method, found in report.differences.items():
        for measure, difference in found.items():
            cell = f"{_with_interval(measure, difference, '+')}  {difference.better:4.0%}"
            rows.setdefault(_label(measure), {})[method] = cell
    return _table(list(report.differences), rows)


def _label(measure):
    return f"{measure} {'↑' if higher_is_better(measure) else '↓'}"


def _with_interval(measure, found, sign):
    width = 7 if sign else 6
    value, low, high = (
        "" if number is None else f"{_number(measure, number, sign):>{width}}"
        for number in (found.value, found.low, found.high)
    )
    return f"{value} [{low}, {high}]" if low else value


def _number(measure, value, sign=""):
    if math.isnan(value):
        return "-"
    digits = _DIGITS.get(measure, 4) if abs(value) < 1000 else 1
    return f"{value:{sign}.{digits}f}"


def _table(columns, rows):
    first = max(map(len, rows), default=0)
    cells = {column: [row.get(column, "-") for row in rows.values()] for column in columns}
    widths = {column: max(len(column), *map(len, cells[column]), 0) for column in columns}
    lines = ["   ".join([" " * first, *(f"{column:<{widths[column]}}" for column in columns)])]
    for n, label in enumerate(rows):
        lines.append(
            "   ".join([f"{label:<{first}}", *(f"{cells[column][n]:<{widths[column]}}" for column in columns)])
        )
    return "\n".join(line.rstrip() for line in lines)
