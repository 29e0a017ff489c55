"""Who asks for the answers on a dataset, and what people are to know before they begin."""

from django.db import models

from catalog.models import Dataset


class Introduction(models.Model):
    """Who asks for the answers on a dataset, and what people are to know before they begin. What is empty is not shown.

    `contact` is an address, by mail or on the web, to which people may also write when their work was refused.
    """

    dataset = models.OneToOneField(Dataset, on_delete=models.PROTECT, related_name="introduction")
    requester_name = models.CharField(max_length=200, blank=True)
    contact = models.CharField(max_length=200, blank=True)
    purpose = models.CharField(max_length=2000, blank=True)
    # Of one HIT, as people are told; rather too much than too little.
    minutes_needed = models.PositiveSmallIntegerField(null=True)
    consent = models.CharField(max_length=5000, blank=True)
    # Of what the photographs may show.
    warning = models.CharField(max_length=1000, blank=True)

    def __str__(self) -> str:
        return f"introduction to {self.dataset}"

    @property
    def contact_link(self) -> str:
        """What a browser opens to reach them; empty for an address of another kind."""
        if " " in self.contact:
            return ""
        if self.contact.startswith(("https://", "http://")):
            return self.contact
        return f"mailto:{self.contact}" if "@" in self.contact[1:-1] else ""
