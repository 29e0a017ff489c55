"""Keys to the REST interface."""

from django.db import models

from catalog.models import Dataset


class ApiToken(models.Model):
    """A reader's key. Only its hash is stored; people recognise it by `prefix`."""

    name = models.CharField(max_length=100, unique=True)
    prefix = models.CharField(max_length=8)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        # The table is older than this room.
        db_table = "annotation_site_apitoken"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_authenticated(self) -> bool:
        """Return True, for REST framework, which asks the user of a request."""
        return True
