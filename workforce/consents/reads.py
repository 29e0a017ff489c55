"""Queries on consent: the text that a study asks about, and the decisions of people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.db.models import Count, Q, QuerySet

from catalog.models import Dataset
from catalog.reads import PreparedStatement
from workforce.models import Assignment, Batch, Consent, ConsentText, Lease
from workforce.reads import pseudonym

# Nobody has this id.
NOBODY = 0
PARAMETER = "start"
# Outcomes of an assignment that the marketplace has confirmed as its worker's; the statement below has them too.
CONFIRMED = (Assignment.Outcome.CONFIRMED, Assignment.Outcome.SURPLUS, Assignment.Outcome.RECOVERED)
START_SALT = "workforce.start"
# On links a decision belongs to no assignment. In a frame anybody can send one in a worker's name. So it holds for the
# browser whose address names it, and elsewhere once the marketplace has confirmed its assignment as this worker's; then
# nobody else's yes to the trace prevails over a no.
STANDING = PreparedStatement("""
    SELECT current.id, current.version, coalesce(introduction.trace, false), last.text_id, last.version,
           last.agreed, last.trace
    FROM (SELECT) AS one
    LEFT JOIN workforce_introduction introduction ON introduction.dataset_id = %(dataset)s
    LEFT JOIN LATERAL (
        SELECT id, version FROM workforce_consenttext
        WHERE dataset_id = %(dataset)s AND introduction.consent <> ''
        ORDER BY version DESC LIMIT 1
    ) current ON true
    LEFT JOIN LATERAL (
        SELECT consent.text_id, text.version, consent.agreed, consent.trace AND (
            consent.id IS NOT DISTINCT FROM %(consent)s::bigint OR NOT EXISTS (
                SELECT FROM workforce_consent other
                WHERE other.worker_id = %(worker)s AND other.batch_id = %(batch)s
                  AND other.assignment_id = consent.assignment_id AND NOT other.trace
            )
        ) AS trace
        FROM workforce_consent consent
        LEFT JOIN workforce_consenttext text ON text.id = consent.text_id
        LEFT JOIN workforce_assignment assignment ON assignment.id = consent.assignment_id
        WHERE consent.worker_id = %(worker)s AND consent.batch_id = %(batch)s AND (
            consent.assignment_id IS NULL
            OR consent.id = %(consent)s::bigint AND consent.assignment_id = %(assignment)s::bigint
            OR consent.agreed AND assignment.outcome IN ('confirmed', 'surplus', 'recovered')
        )
        ORDER BY (consent.id IS NOT DISTINCT FROM %(consent)s::bigint) DESC, consent.number DESC LIMIT 1
    ) last ON true
""")


@dataclass(frozen=True)
class ConsentStanding:
    """The present question of a study, and the last decision of a person in a batch.

    Attributes:
        text: the current consent text (id), None if the study has none; `version` is its version.
        asks_trace: the study asks for a coarse trace.
        last_text, last_version: those of the last decision.
        agreed: whether the last decision was to take part; None without a decision.
        trace: whether it allowed the trace.
    """

    text: int | None
    version: int | None
    asks_trace: bool
    last_text: int | None
    last_version: int | None
    agreed: bool | None
    trace: bool | None

    @property
    def has_started(self) -> bool:
        """Return whether this person started the batch under the text that holds now."""
        return bool(self.agreed) and self.last_text == self.text

    @property
    def may_trace(self) -> bool:
        """Return whether both the study and the person want a trace."""
        return self.asks_trace and bool(self.agreed and self.trace)


def standing_at_start(
    batch: Batch, worker_id: int = NOBODY, assignment: Assignment | None = None, consent_id: int | None = None
) -> ConsentStanding:
    """Return what is asked before a batch, and what this worker decided; in a frame by the consent of its address."""
    key = {"dataset": batch.dataset_id, "batch": batch.pk, "worker": worker_id, "consent": consent_id}
    return ConsentStanding(*STANDING.only_row(key | {"assignment": assignment.pk if assignment else None}))


def start_token(consent: Consent) -> str:
    """Return the proof of a Start for the address of the page that follows in a frame."""
    return _signer().sign(str(consent.pk))


def consent_named(parameters: Mapping[str, str]) -> int | None:
    """Return the consent (id) that the address of a page in a frame names; None without a valid token."""
    try:
        return int(_signer().unsign(parameters.get(PARAMETER, "")))
    except signing.BadSignature:
        return None


def _signer() -> signing.Signer:
    return signing.Signer(salt=START_SALT)


@dataclass(frozen=True)
class LeaseConsent:
    """The consent under which a page is worked on: `version` of the text, None without; `trace` as both allowed it."""

    version: int | None = None
    trace: bool = False


def consent_of(lease: Lease) -> LeaseConsent:
    """Return the consent under a lease; in a frame the one that `lease.consent_id` names."""
    standing: ConsentStanding = lease.standing or standing_at_start(
        lease.hit.batch, lease.worker_id, lease.assignment, lease.consent_id
    )
    return LeaseConsent(standing.last_version if standing.agreed else None, standing.may_trace)


def confirmed_consents(dataset: Dataset) -> QuerySet[Consent]:
    """Return the decisions in a study that are surely their worker's: in a frame those of confirmed assignments."""
    is_sure = Q(assignment=None) | Q(assignment__outcome__in=CONFIRMED)
    consents = Consent.objects.filter(is_sure, batch__dataset=dataset)
    return consents.select_related("batch__dataset", "text")


def consent_row(consent: Consent, labels: object) -> dict[str, Any]:
    """Return a decision as files have it."""
    return {
        "worker": pseudonym(consent.batch.dataset, consent.worker_id),
        "batch": consent.batch_id,
        "version": consent.text.version if consent.text else None,
        "agreed": consent.agreed,
        "trace": consent.trace,
        "decided_at": consent.created_at,
    }


def consent_texts_of(dataset: Dataset) -> QuerySet[ConsentText]:
    return ConsentText.objects.filter(dataset=dataset)


def consent_text_row(text: ConsentText, labels: object) -> dict[str, Any]:
    """Return a version of the consent text as files have it."""
    return {"version": text.version, "since": text.created_at, "text": text.text}


def n_agreed(dataset: Dataset) -> list[tuple[int, int]]:
    """Return the versions of the consent text, and the number of people who agreed to each, the latest first."""
    agreed = confirmed_consents(dataset).filter(agreed=True, text__isnull=False).order_by()
    counts = dict(agreed.values_list("text").annotate(n=Count("worker", distinct=True)))
    versions = consent_texts_of(dataset).order_by("-version").values_list("pk", "version")
    return [(version, counts.get(pk, 0)) for pk, version in versions]
