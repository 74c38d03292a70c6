"""Numbers in sentences."""


def sides(size):
    """`64 x 44`: height, width."""
    return f"{size[0]} x {size[1]}"


def counted(count, one, many=None):
    """`1 pair`, `1,200 pairs`; `many` where the plural is not `one` with an s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
