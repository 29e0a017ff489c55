"""REST rows and filters of annotations and selection frequencies."""

from django.utils.translation import gettext_lazy
from rest_framework import serializers

CLASS_INDEX = gettext_lazy("Class index in the dataset's label set.")
WITH_NAMES = gettext_lazy("Only with names=1.")
OF_OBJECTS = gettext_lazy("Index into objects; null when there is none.")


class FrequencyRow(serializers.Serializer):
    """Selections of an image for a label, among the times it was shown. A pair never shown has no row."""

    image = serializers.CharField(help_text="Name under which the image was imported.")
    label = serializers.IntegerField(help_text=CLASS_INDEX)  # type: ignore[assignment]  # a column is called like that
    n_selected = serializers.IntegerField(help_text="Counted votes that selected the image.")
    n_shown = serializers.IntegerField(help_text="Counted votes, at least 1.")
    label_wnid = serializers.CharField(required=False, help_text=WITH_NAMES)
    label_words = serializers.CharField(required=False, help_text=WITH_NAMES)


class FrequencyFilter(serializers.Serializer):
    image = serializers.CharField(required=False, source="image__name", help_text="Only this image.")
    label = serializers.IntegerField(  # type: ignore[assignment]  # a column is called like that
        required=False, min_value=0, source="label__index", help_text="Only this class index."
    )


class LabelOfObject(serializers.Serializer):
    """A label that names an object."""

    label = serializers.IntegerField(help_text=CLASS_INDEX)  # type: ignore[assignment]  # a column is called like that
    share = serializers.FloatField(help_text="Of the selections within the object, the part that chose this label.")
    frequency = serializers.FloatField(help_text="Of the annotators, the part that chose this label.")
    wnid = serializers.CharField(required=False, help_text=WITH_NAMES)
    words = serializers.CharField(required=False, help_text=WITH_NAMES)


class ObjectOfImage(serializers.Serializer):
    """Labels that name the same object."""

    label = serializers.IntegerField(  # type: ignore[assignment]  # a column is called like that
        help_text="Class index of the label selected most often."
    )
    labels = LabelOfObject(many=True)
    main_votes = serializers.IntegerField(help_text="Annotators whose main label is one of these.")
    wnid = serializers.CharField(required=False, help_text=WITH_NAMES)
    words = serializers.CharField(required=False, help_text=WITH_NAMES)


class AnnotationRow(serializers.Serializer):
    """The objects of an image, by its annotators' answers."""

    image = serializers.CharField(help_text="Name under which the image was imported.")
    dataset_label = serializers.IntegerField(allow_null=True, help_text=CLASS_INDEX)
    main_label = serializers.IntegerField(help_text=CLASS_INDEX)
    n_objects = serializers.IntegerField()
    n_annotators = serializers.IntegerField(help_text="Counted answers.")
    n_optimal_partitions = serializers.IntegerField(
        help_text="In how many ways the labels fall into objects equally well; 1: the objects are certain."
    )
    objects = ObjectOfImage(many=True)
    unplaced = serializers.ListField(
        child=serializers.IntegerField(), help_text="Class indexes that were selected and belong to no object."
    )
    main_object = serializers.IntegerField(allow_null=True, help_text=OF_OBJECTS)
    dataset_label_object = serializers.IntegerField(allow_null=True, help_text=OF_OBJECTS)
    dataset_label_wnid = serializers.CharField(required=False, allow_null=True, help_text=WITH_NAMES)
    dataset_label_words = serializers.CharField(required=False, allow_null=True, help_text=WITH_NAMES)
    main_label_wnid = serializers.CharField(required=False, help_text=WITH_NAMES)
    main_label_words = serializers.CharField(required=False, help_text=WITH_NAMES)


class AnnotationFilter(serializers.Serializer):
    image = serializers.CharField(required=False, source="image__name", help_text="Only this image.")
    main_label = serializers.IntegerField(required=False, min_value=0, help_text="Only this class index.")
    n_objects_min = serializers.IntegerField(
        required=False, min_value=0, source="n_objects__gte", help_text="Only images of at least so many objects."
    )
