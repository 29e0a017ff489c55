"""Attempts to sign in, the networks where accounts signed in, and second-factor codes that were used."""

from django.conf import settings
from django.db import models


class SignInAttempt(models.Model):
    """A failed or current attempt to prove an identity. Account and network are keyed digests, kept for a day."""

    class Proof(models.TextChoices):
        PASSWORD = "password"  # noqa: S105 - the name of a way to sign in
        CODE = "code"

    proof = models.CharField(max_length=10, choices=Proof.choices)
    account = models.CharField(max_length=64)
    network = models.CharField(max_length=64)
    tried_at = models.DateTimeField(db_index=True)

    class Meta:
        indexes = [
            models.Index(fields=["account", "proof", "tried_at"], name="attempts_of_account"),
            models.Index(fields=["network", "proof", "tried_at"], name="attempts_of_network"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(proof__in=["password", "code"]), name="attempt_proves_something")
        ]

    def __str__(self) -> str:
        return f"{self.proof} tried at {self.tried_at}"


class SignInNetwork(models.Model):
    """A network (a keyed digest) where an account signed in: guesses from elsewhere never lock it."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    network = models.CharField(max_length=64)
    last_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "network"], name="network_of_account_is_listed_once")]

    def __str__(self) -> str:
        return f"network of account {self.user_id}"


class SpentCode(models.Model):
    """A time-based code (a keyed digest) that was accepted: it is not accepted again."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    code = models.CharField(max_length=64)
    spent_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "code"], name="code_is_spent_once")]

    def __str__(self) -> str:
        return f"code spent at {self.spent_at}"
