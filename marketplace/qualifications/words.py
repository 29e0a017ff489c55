"""Requirements in words, for the people who meet them or do not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from marketplace.models import QualificationType, Worker
from marketplace.qualifications import system
from marketplace.qualifications.reads import value_of
from marketplace.qualifications.requirements import meets

WORDS = {
    "LessThan": "less than {}",
    "LessThanOrEqualTo": "at most {}",
    "GreaterThan": "more than {}",
    "GreaterThanOrEqualTo": "at least {}",
    "EqualTo": "{}",
    "NotEqualTo": "not {}",
    "In": "one of {}",
    "NotIn": "none of {}",
    "Exists": "to have it",
    "DoesNotExist": "not to have it",
}


@dataclass(frozen=True)
class Need:
    """A requirement as a worker reads it. `ask_for` is the type they may request to meet it, `asked` if they have."""

    name: str
    wanted: str
    has: str
    is_met: bool
    ask_for: QualificationType | None
    asked: bool


def needs_of(worker: Worker, requirements: Iterable[Mapping]) -> list[Need]:
    ids = [requirement["QualificationTypeId"] for requirement in requirements]
    types = {kind.public_id: kind for kind in QualificationType.objects.filter(public_id__in=ids, deleted_at=None)}
    waiting = worker.qualification_requests.filter(granted_at=None, rejected_at=None)
    asked = set(waiting.values_list("qualification_type__public_id", flat=True))
    return [
        need_of(worker, requirement, types.get(type_id), type_id in asked)
        for type_id, requirement in zip(ids, requirements, strict=True)
    ]


def need_of(worker: Worker, requirement: Mapping, kind: QualificationType | None, asked: bool) -> Need:
    type_id = requirement["QualificationTypeId"]
    value = value_of(worker, type_id)
    name = system.NAMES.get(type_id) or (kind.name if kind else "A qualification that is given no more")
    # One that somebody has with another value is changed by the requester alone.
    may_ask = kind and kind.is_active and not kind.test and value is None and requirement["Comparator"] in GIVEN
    is_met = meets(requirement, value)
    return Need(name, told(requirement), told_value(value), is_met, kind if may_ask and not is_met else None, asked)


GIVEN = tuple(word for word in WORDS if word != "DoesNotExist")


def told(requirement: Mapping) -> str:
    """
    >>> told({"Comparator": "GreaterThan", "IntegerValues": [90]})
    'more than 90'
    >>> told({"Comparator": "In", "LocaleValues": [{"Country": "US", "Subdivision": "NY"}, {"Country": "CA"}]})
    'one of US-NY, CA'
    """
    places = [told_value((p["Country"], p.get("Subdivision"))) for p in requirement.get("LocaleValues") or ()]
    values = [*map(str, requirement.get("IntegerValues") or ()), *places]
    return WORDS[requirement["Comparator"]].format(", ".join(values))


def told_value(value: int | tuple[str, str | None] | None) -> str:
    """
    >>> told_value(("US", "NY")), told_value(3), told_value(None)
    ('US-NY', '3', '')
    """
    if isinstance(value, tuple):
        return "-".join(filter(None, value))
    return "" if value is None else str(value)
