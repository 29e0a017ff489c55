"""Queries on what a study asks before the work, and on what people decided."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.core import signing

from catalog.reads import PreparedStatement
from workforce.models import Assignment, Batch, Consent, Lease

# Nobody has this id.
NOBODY = 0
PARAMETER = "start"
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
    """What a study asks now, and what a person last decided in a batch.

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
    standing = standing_at_start(lease.hit.batch, lease.worker_id, lease.assignment, lease.consent_id)
    return LeaseConsent(standing.last_version if standing.agreed else None, standing.may_trace)
