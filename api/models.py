"""Keys to the REST interface."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy

from access.permissions.reads import May
from catalog.models import Dataset

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class Scope(models.TextChoices):
    """Parts of the data that a token may read: each is the permission of the same name."""

    ANNOTATIONS = May.READ_ANNOTATIONS.value, gettext_lazy("annotations")
    VOTES = May.READ_VOTES.value, gettext_lazy("votes")


def all_scopes() -> list[str]:
    return [*Scope.values]


class ApiToken(models.Model):
    """A reader's key. Only its hash is stored; people recognise it by `prefix`.

    It can read its scopes, as far as `created_by` may read them now. `created_by` is null for tokens of the command
    line, and only these may be valid until they are revoked. `dataset` is null for a token for all studies.
    """

    # The permissions that it has now: set by reads.token_of_key.
    powers: frozenset[May] = frozenset()

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=8)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, null=True, related_name="+")
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope), default=all_scopes)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        # The table is older than this room.
        db_table = "annotation_site_apitoken"
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "name"], condition=Q(dataset__isnull=False), name="token_name_once_per_study"
            ),
            models.UniqueConstraint(fields=["name"], condition=Q(dataset=None), name="token_name_once_for_all_studies"),
            models.CheckConstraint(
                condition=Q(scopes__len__gte=1, scopes__contained_by=Scope.values), name="token_reads_something"
            ),
            models.CheckConstraint(
                condition=Q(created_by=None) | Q(expires_at__isnull=False), name="token_of_a_page_expires"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def scope_names(self) -> "list[StrOrPromise]":
        return [Scope(scope).label for scope in self.scopes]

    @property
    def is_authenticated(self) -> bool:
        """Return True, for REST framework, which asks the user of a request."""
        return True
