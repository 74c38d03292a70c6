"""How far a program is, on the terminal."""

from tqdm import tqdm


def progress_bar(items=None, what=None, *, unit, shown=True, **options) -> tqdm:
    """tqdm's bar, in this program's style: as wide as the terminal, and none where there is no terminal.

    what: words before it; shown: False for a process that leaves telling to another. options: tqdm's, such as total.
    """
    return tqdm(items, what, unit=unit, dynamic_ncols=True, disable=None if shown else True, **options)
