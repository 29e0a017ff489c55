"""The questions of a review: a page for each class, with images and the labels that were said of them."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from catalog.models import Classifier, Image, Label, Synset, new_public_id
from workforce.models import HIT, Batch


class Review(models.Model):
    """A review of a dataset's images by experts (Shankar et al. 2020, section 3): a batch whose HITs are class pages.

    `stage` says what it reviews: the first review every distinct prediction, the mistakes those of one `classifier`
    that are wrong under the current label sets (Vasudevan et al. 2022), and the blind review all labels alike, seeded
    with predictions, to compare with `earlier`. Reviewers are blind to each other until an item is in consensus.
    """

    class Stage(models.TextChoices):
        FIRST = "first"
        MISTAKES = "mistakes"
        BLIND = "blind"

    batch = models.OneToOneField(Batch, on_delete=models.PROTECT, related_name="review")
    title = models.CharField(max_length=200)
    stage = models.CharField(max_length=10, choices=Stage)
    # Reviewers of each class, each with a slot of its HIT.
    n_reviewers = models.PositiveSmallIntegerField(default=1)
    classifier = models.ForeignKey(Classifier, on_delete=models.PROTECT, null=True, related_name="+")
    earlier = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="later")
    # Of the order of items and of the draw of seeded predictions.
    seed = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(stage__in=["first", "mistakes", "blind"]), name="review_stage_is_known"),
            models.CheckConstraint(
                condition=Q(n_reviewers__gte=1, n_reviewers__lte=100), name="review_has_1_to_100_reviewers"
            ),
            models.CheckConstraint(
                condition=Q(stage="mistakes", classifier__isnull=False) | (~Q(stage="mistakes") & Q(classifier=None)),
                name="review_of_mistakes_has_a_classifier",
            ),
            models.CheckConstraint(
                condition=Q(stage="blind", earlier__isnull=False) | (~Q(stage="blind") & Q(earlier=None)),
                name="blind_review_has_an_earlier_one",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class ProblemReason(models.Model):
    """A reason of the study's own why an image is problematic, beside the published ones."""

    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="problem_reasons")
    words = models.CharField(max_length=100)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["review", "words"], name="problem_reason_once_per_review"),
            models.CheckConstraint(condition=~Q(words=""), name="problem_reason_has_words"),
        ]

    def __str__(self) -> str:
        return self.words


class Group(models.Model):
    """Reviewers who share classes: those below a synset, a superclass, or what is assigned by hand."""

    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="groups")
    name = models.CharField(max_length=100)
    synset = models.ForeignKey(Synset, on_delete=models.PROTECT, null=True, related_name="+")
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="review_groups")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["review", "name"], name="group_name_once_per_review")]

    def __str__(self) -> str:
        return self.name


class ClassPage(models.Model):
    """The content of a HIT: images of a class, by their dataset label, with the labels that were said of them.

    `label` is None for images without a dataset label, and in a blind review, where pages are portions in random order.
    """

    hit = models.OneToOneField(HIT, on_delete=models.PROTECT, related_name="class_page")
    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="pages")
    label = models.ForeignKey(Label, on_delete=models.PROTECT, null=True, related_name="+")
    number = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["review", "number"], name="page_number_once_per_review"),
            models.UniqueConstraint(
                fields=["review", "label"], condition=Q(label__isnull=False), name="class_page_once_per_review"
            ),
        ]

    def __str__(self) -> str:
        return f"page {self.number} of {self.review}"


class PageAssignment(models.Model):
    """A class that is assigned to a person or to a group; a class without one is anybody's."""

    page = models.ForeignKey(ClassPage, on_delete=models.PROTECT, related_name="assignments")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, related_name="assignments")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(person=None, group__isnull=False) | Q(person__isnull=False, group=None),
                name="page_is_assigned_to_a_person_or_a_group",
            ),
            models.UniqueConstraint(
                fields=["page", "person"], condition=Q(person__isnull=False), name="page_once_per_person"
            ),
            models.UniqueConstraint(
                fields=["page", "group"], condition=Q(group__isnull=False), name="page_once_per_group"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.page} for {self.person or self.group}"


class Item(models.Model):
    """A label that was said of an image, to be judged by each reviewer of its page.

    `n_models` counts the classifiers whose top-1 it is. `origin` says where it is from, and no page of a blind review,
    nor its order, shows it.
    """

    class Origin(models.TextChoices):
        MODELS = "models"
        DATASET = "dataset"  # the dataset's own label, which no classifier ranks first
        PEOPLE = "people"
        SEEDED = "seeded"  # a prediction drawn at random

    public_id = models.CharField(max_length=32, unique=True, default=new_public_id, editable=False)
    page = models.ForeignKey(ClassPage, on_delete=models.PROTECT, related_name="items", db_index=False)
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="+")
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+", db_index=False)
    n_models = models.PositiveSmallIntegerField(default=0)
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.MODELS)
    # Of the image on the page, and of the label below it.
    position = models.PositiveIntegerField()
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["page", "image", "label"], name="item_once_per_page"),
            models.CheckConstraint(
                condition=Q(origin__in=["models", "dataset", "people", "seeded"]), name="item_origin_is_known"
            ),
            models.CheckConstraint(
                condition=Q(n_models__gte=1) | Q(origin__in=["dataset", "people"]), name="predicted_item_has_a_model"
            ),
        ]
        indexes = [models.Index(F("page"), F("position"), name="items_in_the_order_of_a_page")]

    def __str__(self) -> str:
        return f"{self.label} of {self.image}"
