"""Reads of the example images of classes."""

from collections import Counter

from catalog.models import ClassExample, Dataset, ExampleDraw, Label


def class_examples(dataset: Dataset, label: Label) -> list[ClassExample]:
    """Return the example images of a class in the order of the draw, none before there is a draw."""
    return list(ClassExample.objects.filter(draw__dataset=dataset, label=label).order_by("place"))


def n_drawn(draw: ExampleDraw) -> Counter[int]:
    """Return how many examples each class has, by the label's id."""
    return Counter(draw.examples.values_list("label_id", flat=True))
