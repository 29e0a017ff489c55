"""Attempts to sign in, the networks where accounts signed in, and second-factor codes that were used."""

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
    """A network where an account signed in, both as keyed digests: guesses from elsewhere never lock it."""

    account = models.CharField(max_length=64)
    network = models.CharField(max_length=64)
    last_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "network"], name="network_of_account_is_listed_once")]

    def __str__(self) -> str:
        return f"network last used at {self.last_at}"


class SpentCode(models.Model):
    """A time-based code that an account used, both as keyed digests: it is not accepted again."""

    account = models.CharField(max_length=64)
    code = models.CharField(max_length=64)
    spent_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "code"], name="code_is_spent_once")]

    def __str__(self) -> str:
        return f"code spent at {self.spent_at}"
