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
from marketplace.questions import check_question
from marketplace.reads import hit_of

AUTO_APPROVAL_SECONDS = 30 * 24 * 3600
LONGEST = timedelta(seconds=YEAR)
# No amount within the limits needs more digits; longer texts would only cost time.
MOST_DIGITS = 20
REVIEW_POLICIES = ("AssignmentReviewPolicy", "HITReviewPolicy")


def create_hit_type(call: Call) -> dict:
    return {"HITTypeId": hit_type_of(call).public_id}


@transaction.atomic
def create_hit(call: Call) -> dict:
    return publish(call, hit_type_of(call))


@transaction.atomic
def create_hit_with_hit_type(call: Call) -> dict:
    return publish(call, existing_type(call))


def get_hit(call: Call) -> dict:
    return {"HIT": hit_shape(hit_of_call(call))}


def list_hits(call: Call) -> dict:
    return page(call, "HITs", visible_hits(call), hit_shape, newest_first=True)


def list_reviewable_hits(call: Call) -> dict:
    hits = visible_hits(call).filter(status=call.parameters.get("Status", HIT.Status.REVIEWABLE))
    if type_id := call.parameters.get("HITTypeId"):
        hits = hits.filter(hit_type__public_id=type_id)
    return page(call, "HITs", hits, hit_shape)


def list_hits_for_qualification_type(call: Call) -> dict:
    asking = hits_asking_for(call.requester, call.parameters["QualificationTypeId"]).values("pk")
    return page(call, "HITs", visible_hits(call).filter(pk__in=asking), hit_shape, newest_first=True)


def create_additional_assignments(call: Call) -> dict:
    actions.add_assignments(
        hit=hit_of_call(call),
        n_assignments=call.parameters["NumberOfAdditionalAssignments"],
        token=call.parameters.get("UniqueRequestToken"),
        request_id=call.request_id,
    )
    return {}


def update_expiration(call: Call) -> dict:
    expires_at = call.parameters["ExpireAt"]
    if expires_at > call.moment + LONGEST:
        raise BadParameter(f"ExpireAt is {expires_at:%Y-%m-%d}; it must be at most {LONGEST.days} days from now.")
    actions.set_expiration(hit=hit_of_call(call), expires_at=expires_at)
    return {}


def update_hit_type(call: Call) -> dict:
    actions.set_hit_type(hit=hit_of_call(call), hit_type=existing_type(call))
    return {}


def update_review_status(call: Call) -> dict:
    actions.set_reviewing(hit=hit_of_call(call), revert=call.parameters.get("Revert", False))
    return {}


def delete_hit(call: Call) -> dict:
    actions.delete_hit(hit=hit_of_call(call))
    return {}


def list_review_policy_results(call: Call) -> dict:
    """Return no results: no HIT here has a review policy."""
    return {"HITId": hit_of_call(call).public_id}


def hit_of_call(call: Call) -> HIT:
    """Return the HIT named in the call, up to date even if many others are overdue."""
    hit = hit_of(call.requester, call.parameters["HITId"], call.moment)
    return catch_up_hit(hit_id=hit.pk, moment=call.moment) if hit.due_at and hit.due_at <= call.moment else hit


def visible_hits(call: Call):
    hits = call.requester.hits.exclude(status=HIT.Status.DISPOSED).filter(visible_at__lte=call.moment)
    return hits.select_related("hit_type")


def existing_type(call: Call) -> HITType:
    type_id = call.parameters["HITTypeId"]
    hit_type = call.requester.hit_types.filter(public_id=type_id).first()
    if hit_type is None:
        raise DoesNotExist("HITType", type_id)
    return hit_type


def hit_type_of(call: Call) -> HITType:
    parameters = call.parameters
    requirements = parameters.get("QualificationRequirements", [])
    check_requirements(requirements)
    return actions.create_hit_type(
        requester=call.requester,
        title=parameters["Title"],
        description=parameters["Description"],
        keywords=parameters.get("Keywords", ""),
        reward_cents=amount("Reward", parameters["Reward"], lowest=0),
        assignment_seconds=parameters["AssignmentDurationInSeconds"],
        auto_approval_seconds=parameters.get("AutoApprovalDelayInSeconds", AUTO_APPROVAL_SECONDS),
        requirements=requirements,
    )


def amount(name: str, text: str, lowest: int) -> int:
    if len(text) > MOST_DIGITS or not lowest <= cents_of(text) <= MOST_CENTS:
        raise BadParameter(f"{name} is {text:.20}; it must be between {lowest / 100:.2f} and {MOST_CENTS / 100:.2f}.")
    return cents_of(text)


def check_requirements(requirements: list[dict]) -> None:
    type_ids = {requirement["QualificationTypeId"] for requirement in requirements} - system.NAMES.keys()
    types = QualificationType.objects.filter(public_id__in=type_ids, deleted_at=None)
    unknown_ids = type_ids - set(types.values_list("public_id", flat=True))
    if unknown_ids:
        raise DoesNotExist("QualificationType", min(unknown_ids))
    for requirement in requirements:
        check_requirement(requirement, is_locale=requirement["QualificationTypeId"] == system.LOCALE)


def publish(call: Call, hit_type: HITType) -> dict:
    parameters = call.parameters
    hit = actions.create_hit(
        hit_type=hit_type,
        question=question_of(parameters),
        max_assignments=parameters.get("MaxAssignments", 1),
        lifetime_seconds=parameters["LifetimeInSeconds"],
        annotation=parameters.get("RequesterAnnotation", ""),
        token=parameters.get("UniqueRequestToken"),
        request_id=call.request_id,
    )
    return {"HIT": hit_shape(hit)}


def question_of(parameters: dict) -> str:
    for policy in REVIEW_POLICIES:
        if policy in parameters:
            raise NotOffered(f"{policy}: work is reviewed by the requester.")
    if "HITLayoutId" in parameters:
        raise DoesNotExist("HITLayout", parameters["HITLayoutId"])
    if "Question" not in parameters:
        raise BadParameter("Either a Question parameter or a HITLayoutId parameter must be provided.")
    check_question(parameters["Question"])
    return parameters["Question"]
