"""Examples in docstrings, of every room: they run as they are written. (Those of numerics are collected by pytest.)"""

import doctest
from importlib import import_module

import pytest

from tests.test_boundaries import APART, LEAF, our_sources

WITH_EXAMPLES = [
    source.module
    for source in our_sources()
    if ">>> " in source.text and source.room not in (APART, LEAF) and "torch" not in source.module
]


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_the_examples_in_docstrings_are_right(module):
    result = doctest.testmod(import_module(module))
    assert result.attempted and not result.failed


def test_an_example_that_is_wrong_would_be_noticed(monkeypatch):
    errors = import_module("catalog.errors")
    monkeypatch.setattr(errors.Remark, "__doc__", ">>> 1 + 1\n3\n")
    assert doctest.testmod(errors).failed == 1
