from system.seeds import derived_seed


def test_derived_seeds_differ_also_by_trailing_zeros():
    seeds = {derived_seed(*numbers) for numbers in ((5,), (5, 0), (0, 5), (5, 1), (6,))}
    assert len(seeds) == 5
    assert derived_seed(5, 1) == derived_seed(5, 1)
