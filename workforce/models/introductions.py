"""Introductions to studies: the researchers, and information for workers before they begin."""

from django.db import models

from catalog.models import Dataset


class Introduction(models.Model):
    """The introduction to a dataset's study, for workers before they begin. Empty fields are not shown.

    `contact` is an email or web address, also for workers whose work was rejected.
    """

    dataset = models.OneToOneField(Dataset, on_delete=models.PROTECT, related_name="introduction")
    requester_name = models.CharField(max_length=200, blank=True)
    contact = models.CharField(max_length=200, blank=True)
    purpose = models.CharField(max_length=2000, blank=True)
    # In words, for people who come by a link. A marketplace shows its reward.
    pay = models.CharField(max_length=200, blank=True, default="", db_default="")
    # For one HIT, rather too many than too few.
    minutes_needed = models.PositiveSmallIntegerField(null=True)
    consent = models.CharField(max_length=5000, blank=True)
    # Whether people are asked for a coarse trace of pointer and scroll position.
    trace = models.BooleanField(default=False, db_default=False)
    # About the content of the photographs.
    warning = models.CharField(max_length=1000, blank=True)

    def __str__(self) -> str:
        return f"introduction to {self.dataset}"

    @property
    def contact_link(self) -> str:
        """Return the link for `contact`; empty if it is neither a web nor an email address."""
        if " " in self.contact:
            return ""
        if self.contact.startswith(("https://", "http://")):
            return self.contact
        return f"mailto:{self.contact}" if "@" in self.contact[1:-1] else ""
