"""Requirements in words, for workers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext, gettext_lazy

from marketplace.models import QualificationType, Worker
from marketplace.qualifications import system
from marketplace.qualifications.reads import value_of
from marketplace.qualifications.requirements import meets

WORDS = {
    "LessThan": gettext_lazy("less than %(values)s"),
    "LessThanOrEqualTo": gettext_lazy("at most %(values)s"),
    "GreaterThan": gettext_lazy("more than %(values)s"),
    "GreaterThanOrEqualTo": gettext_lazy("at least %(values)s"),
    "EqualTo": "%(values)s",
    "NotEqualTo": gettext_lazy("not %(values)s"),
    "In": gettext_lazy("one of %(values)s"),
    "NotIn": gettext_lazy("none of %(values)s"),
    "Exists": gettext_lazy("required"),
    "DoesNotExist": gettext_lazy("not allowed"),
}


@dataclass(frozen=True)
class Need:
    """A requirement as a worker reads it. To meet it, the worker may request `requestable_type`, if there is one."""

    name: str
    condition: str
    value: str
    is_met: bool
    requestable_type: QualificationType | None
    is_requested: bool


def needs_of(worker: Worker, requirements: Iterable[Mapping]) -> list[Need]:
    ids = [requirement["QualificationTypeId"] for requirement in requirements]
    types = {kind.public_id: kind for kind in QualificationType.objects.filter(public_id__in=ids, deleted_at=None)}
    pending = worker.qualification_requests.filter(granted_at=None, rejected_at=None)
    requested_ids = set(pending.values_list("qualification_type__public_id", flat=True))
    return [
        need_of(worker, requirement, types.get(type_id), type_id in requested_ids)
        for type_id, requirement in zip(ids, requirements, strict=True)
    ]


def need_of(worker: Worker, requirement: Mapping, kind: QualificationType | None, is_requested: bool) -> Need:
    type_id = requirement["QualificationTypeId"]
    value = value_of(worker, type_id)
    name = str(system.NAMES.get(type_id) or (kind.name if kind else gettext("Deleted qualification")))
    # If the worker has the qualification with another value, only the requester can change it.
    may_request = kind and kind.is_active and not kind.test and value is None
    is_met = meets(requirement, value)
    helps = requirement["Comparator"] in REQUESTABLE and not is_met
    requestable_type = kind if may_request and helps else None
    return Need(name, condition_text(requirement), value_text(value), is_met, requestable_type, is_requested)


REQUESTABLE = tuple(word for word in WORDS if word != "DoesNotExist")


def condition_text(requirement: Mapping) -> str:
    """Return the condition of a requirement in words.

    >>> condition_text({"Comparator": "GreaterThan", "IntegerValues": [90]})
    'more than 90'
    >>> places = [{"Country": "US", "Subdivision": "NY"}, {"Country": "CA"}]
    >>> condition_text({"Comparator": "In", "LocaleValues": places})
    'one of US-NY, CA'
    """
    places = [value_text((p["Country"], p.get("Subdivision"))) for p in requirement.get("LocaleValues") or ()]
    values = [*map(str, requirement.get("IntegerValues") or ()), *places]
    return str(WORDS[requirement["Comparator"]]) % {"values": ", ".join(values)}


def value_text(value: int | tuple[str, str | None] | None) -> str:
    """Return the value of a qualification in words; blank for None.

    >>> value_text(("US", "NY")), value_text(3), value_text(None)
    ('US-NY', '3', '')
    """
    if isinstance(value, tuple):
        return "-".join(filter(None, value))
    return "" if value is None else str(value)
