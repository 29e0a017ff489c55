"""Operations on HITs and their types."""

from datetime import timedelta

from django.db import transaction

from marketplace.endpoint.calls import Call
from marketplace.endpoint.limits import MOST_CENTS, YEAR
from marketplace.endpoint.paging import page
from marketplace.endpoint.shapes import hit_shape
from marketplace.errors import BadParameter, DoesNotExist, NotOffered
from marketplace.hits import actions
from marketplace.models import HIT, HITType, QualificationType
from marketplace.overdue.actions import catch_up_hit
from marketplace.prices import cents_of
from marketplace.qualifications import system
from marketplace.qualifications.reads import hits_asking_for
from marketplace.qualifications.requirements import check_requirement
from marketplace.questions import external_url
from marketplace.reads import hit_of

AUTO_APPROVAL_SECONDS = 30 * 24 * 3600
LONGEST = timedelta(seconds=YEAR)
# No amount within the limits needs more digits; longer ones would only keep the processor busy.
MOST_DIGITS = 20
REVIEW_POLICIES = ("AssignmentReviewPolicy", "HITReviewPolicy")


def create_hit_type(call: Call) -> dict:
    return {"HITTypeId": hit_type_of(call).public_id}


@transaction.atomic
def create_hit(call: Call) -> dict:
    return published(call, hit_type_of(call))


@transaction.atomic
def create_hit_with_hit_type(call: Call) -> dict:
    return published(call, existing_type(call))


def get_hit(call: Call) -> dict:
    return {"HIT": hit_shape(named_hit(call))}


def list_hits(call: Call) -> dict:
    return page(call, "HITs", shown_hits(call), hit_shape, newest_first=True)


def list_reviewable_hits(call: Call) -> dict:
    hits = shown_hits(call).filter(status=call.parameters.get("Status", HIT.Status.REVIEWABLE))
    if type_id := call.parameters.get("HITTypeId"):
        hits = hits.filter(hit_type__public_id=type_id)
    return page(call, "HITs", hits, hit_shape)


def list_hits_for_qualification_type(call: Call) -> dict:
    asking = hits_asking_for(call.requester, call.parameters["QualificationTypeId"]).values("pk")
    return page(call, "HITs", shown_hits(call).filter(pk__in=asking), hit_shape, newest_first=True)


def create_additional_assignments(call: Call) -> dict:
    actions.add_assignments(
        hit=named_hit(call),
        n_assignments=call.parameters["NumberOfAdditionalAssignments"],
        token=call.parameters.get("UniqueRequestToken"),
        request_id=call.request_id,
    )
    return {}


def update_expiration(call: Call) -> dict:
    expires_at = call.parameters["ExpireAt"]
    if expires_at > call.at + LONGEST:
        raise BadParameter(f"ExpireAt is {expires_at:%Y-%m-%d}; it must be at most {LONGEST.days} days from now.")
    actions.set_expiration(hit=named_hit(call), expires_at=expires_at)
    return {}


def update_hit_type(call: Call) -> dict:
    actions.set_hit_type(hit=named_hit(call), hit_type=existing_type(call))
    return {}


def update_review_status(call: Call) -> dict:
    actions.set_reviewing(hit=named_hit(call), revert=call.parameters.get("Revert", False))
    return {}


def delete_hit(call: Call) -> dict:
    actions.delete_hit(hit=named_hit(call))
    return {}


def list_review_policy_results(call: Call) -> dict:
    """No HIT here has a policy, so none has results."""
    return {"HITId": named_hit(call).public_id}


def named_hit(call: Call) -> HIT:
    """The HIT that is asked about, brought up to date even where many others are overdue."""
    hit = hit_of(call.requester, call.parameters["HITId"], call.at)
    return catch_up_hit(hit_id=hit.pk, at=call.at) if hit.due_at and hit.due_at <= call.at else hit


def shown_hits(call: Call):
    shown = call.requester.hits.exclude(status=HIT.Status.DISPOSED).filter(visible_at__lte=call.at)
    return shown.select_related("hit_type")


def existing_type(call: Call) -> HITType:
    type_id = call.parameters["HITTypeId"]
    hit_type = call.requester.hit_types.filter(public_id=type_id).first()
    if hit_type is None:
        raise DoesNotExist("HITType", type_id)
    return hit_type


def hit_type_of(call: Call) -> HITType:
    given = call.parameters
    requirements = given.get("QualificationRequirements", [])
    check_requirements(requirements)
    return actions.create_hit_type(
        requester=call.requester,
        title=given["Title"],
        description=given["Description"],
        keywords=given.get("Keywords", ""),
        reward_cents=amount("Reward", given["Reward"], lowest=0),
        assignment_seconds=given["AssignmentDurationInSeconds"],
        auto_approval_seconds=given.get("AutoApprovalDelayInSeconds", AUTO_APPROVAL_SECONDS),
        requirements=requirements,
    )


def amount(name: str, text: str, lowest: int) -> int:
    if len(text) > MOST_DIGITS or not lowest <= cents_of(text) <= MOST_CENTS:
        raise BadParameter(f"{name} is {text:.20}; it must be between {lowest / 100:.2f} and {MOST_CENTS / 100:.2f}.")
    return cents_of(text)


def check_requirements(requirements: list[dict]) -> None:
    wanted = {requirement["QualificationTypeId"] for requirement in requirements} - system.NAMES.keys()
    types = QualificationType.objects.filter(public_id__in=wanted, deleted_at=None)
    missing = wanted - set(types.values_list("public_id", flat=True))
    if missing:
        raise DoesNotExist("QualificationType", min(missing))
    for requirement in requirements:
        check_requirement(requirement, is_locale=requirement["QualificationTypeId"] == system.LOCALE)


def published(call: Call, hit_type: HITType) -> dict:
    given = call.parameters
    hit = actions.create_hit(
        hit_type=hit_type,
        question=question_of(given),
        max_assignments=given.get("MaxAssignments", 1),
        lifetime_seconds=given["LifetimeInSeconds"],
        annotation=given.get("RequesterAnnotation", ""),
        token=given.get("UniqueRequestToken"),
        request_id=call.request_id,
    )
    return {"HIT": hit_shape(hit)}


def question_of(given: dict) -> str:
    for policy in REVIEW_POLICIES:
        if policy in given:
            raise NotOffered(f"{policy}: work is reviewed by the requester.")
    if "HITLayoutId" in given:
        raise DoesNotExist("HITLayout", given["HITLayoutId"])
    if "Question" not in given:
        raise BadParameter("Either a Question parameter or a HITLayoutId parameter must be provided.")
    external_url(given["Question"])
    return given["Question"]
