import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerics.consensus import main_label, mode_first, number_of_objects


@given(st.lists(st.integers(0, 4), min_size=1))
def test_the_mode_is_the_first_value_that_no_other_outnumbers(values):
    most = max(values.count(value) for value in values)
    assert mode_first(values) == next(value for value in values if values.count(value) == most)


def test_ties_go_to_the_value_met_first_not_to_the_lowest_nor_the_first_to_reach_the_count():
    assert mode_first([3, 1, 1, 3]) == 3
    assert main_label([9, 2, 2, 9, 4]) == 9
    assert number_of_objects([[1, 2, 3], [1], [2], [4, 5, 6]]) == 3


def test_the_number_of_objects_is_the_commonest_size_of_a_selection():
    assert number_of_objects([[1], [1, 2], [3, 2]]) == 2


def test_nothing_has_no_mode():
    for mode in (mode_first, main_label, number_of_objects):
        with pytest.raises(ValueError, match="There are no values"):
            mode([])
