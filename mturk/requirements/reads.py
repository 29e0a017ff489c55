"""Qualifications required of workers: as researchers write them, as the API takes them, and in words."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from django.utils.translation import gettext, gettext_lazy, ngettext

from catalog.errors import UserError
from mturk import endpoint
from mturk.models import Qualification
from mturk.pricing.reads import MASTERS
from mturk.requirements.countries import COUNTRIES, USUAL_SLIPS
from mturk.terms.reads import MOST_REQUIREMENTS

PERCENT_APPROVED = "000000000000000000L0"
NUMBER_APPROVED = "00000000000000000040"
LOCALE = "00000000000000000071"
ADULT = "00000000000000000060"
# The marketplace's own qualifications; it computes their holders.
SYSTEM = {
    PERCENT_APPROVED: gettext_lazy("Percent of assignments approved"),
    NUMBER_APPROVED: gettext_lazy("Number of assignments approved"),
    LOCALE: gettext_lazy("Location"),
    ADULT: gettext_lazy("Adult content"),
} | dict.fromkeys(MASTERS, gettext_lazy("Masters"))
COMPARATORS = {
    ">=": "GreaterThanOrEqualTo",
    "<=": "LessThanOrEqualTo",
    "!=": "NotEqualTo",
    "=": "EqualTo",
    ">": "GreaterThan",
    "<": "LessThan",
}
WORDS = {
    "GreaterThanOrEqualTo": gettext_lazy("%(name)s: at least %(values)s"),
    "LessThanOrEqualTo": gettext_lazy("%(name)s: at most %(values)s"),
    "GreaterThan": gettext_lazy("%(name)s: more than %(values)s"),
    "LessThan": gettext_lazy("%(name)s: less than %(values)s"),
    "EqualTo": gettext_lazy("%(name)s: exactly %(values)s"),
    "NotEqualTo": gettext_lazy("%(name)s: not %(values)s"),
    "In": gettext_lazy("%(name)s: one of %(values)s"),
    "NotIn": gettext_lazy("%(name)s: none of %(values)s"),
    "Exists": gettext_lazy("%(name)s: required"),
    "DoesNotExist": gettext_lazy("%(name)s: excluded"),
}

OTHER_WORDS = "%(name)s: %(values)s"
# The default of MTurk: everybody may preview a HIT, and sees the qualifications that are missing.
GUARDED = "Accept"
MOST_PLACES, MOST_SCORE = 30, 2**31 - 1
PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
TYPE_ID = re.compile(r"[A-Z0-9]{20,64}")
LINE = re.compile(r"(?P<no>not\s+)?(?P<name>.+?)(\s*(?P<sign>>=|<=|!=|=|>|<)\s*(?P<score>\S+))?", re.IGNORECASE)

Requirement = dict[str, Any]


class BadRequirement(UserError):
    """An error for a requirement that the marketplace would not take."""


def at_least(type_id: str, score: int) -> Requirement:
    return _requirement(type_id, "GreaterThanOrEqualTo") | {"IntegerValues": [score]}


def _requirement(type_id: str, comparator: str) -> Requirement:
    return {"QualificationTypeId": type_id, "Comparator": comparator, "ActionsGuarded": GUARDED}


def in_places(text: str) -> Requirement:
    """Return the requirement that workers live in one of these places. Raises BadRequirement.

    >>> in_places("us, CA-QC")["LocaleValues"]
    [{'Country': 'US'}, {'Country': 'CA', 'Subdivision': 'QC'}]
    """
    codes = [place.upper() for place in re.split(r"[\s,;]+", text) if place]
    for place in codes:
        if not PLACE.fullmatch(place):
            words = gettext("Unknown place %(place)s. Enter countries as two letters, and regions like US-NY.")
            raise BadRequirement(words % {"place": place})
    if len(codes) > MOST_PLACES:
        words = gettext("There are %(n)s places; the marketplace takes at most %(most)s.")
        raise BadRequirement(words % {"n": len(codes), "most": MOST_PLACES})
    parts = [place.partition("-") for place in dict.fromkeys(codes)]
    _check_countries(dict.fromkeys(country for country, _, _ in parts))
    places = [{"Country": country} | ({"Subdivision": part} if part else {}) for country, _, part in parts]
    return _requirement(LOCALE, "In") | {"LocaleValues": places}


def _check_countries(codes: Iterable[str]) -> None:
    """Raise BadRequirement for unknown codes: a HIT that requires one of those alone is offered to nobody."""
    unknown = [country for country in codes if country not in COUNTRIES]
    if not unknown:
        return
    words = ngettext("Unknown country code: %(codes)s.", "Unknown country codes: %(codes)s.", len(unknown))
    hints = [
        gettext("Use %(right)s instead of %(wrong)s.") % {"right": USUAL_SLIPS[country], "wrong": country}
        for country in unknown
        if country in USUAL_SLIPS
    ]
    hints = hints or [gettext("Look codes up under ISO 3166-1: DE is Germany, US is the USA.")]
    raise BadRequirement(" ".join([words % {"codes": ", ".join(unknown)}, *hints]))


def custom(text: str, find: Callable[[str], str] | None = None) -> list[Requirement]:
    """Return the requirements of a text, one per line, by name or id. `find` looks up the id of a name.

    >>> [requirement] = custom("not Trained last year", {"Trained last year": "3A"}.get)
    >>> requirement["QualificationTypeId"], requirement["Comparator"]
    ('3A', 'DoesNotExist')
    >>> [requirement] = custom("Practice test >= 80", {"Practice test": "3B"}.get)
    >>> requirement["QualificationTypeId"], requirement["Comparator"], requirement["IntegerValues"]
    ('3B', 'GreaterThanOrEqualTo', [80])
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [_of_line(line, find or type_id_of) for line in lines]


def _of_line(line: str, find: Callable[[str], str]) -> Requirement:
    read = LINE.fullmatch(line)
    assert read is not None, "any line is a name at least"
    if read["sign"] is None:
        return _requirement(find(read["name"]), "DoesNotExist" if read["no"] else "Exists")
    if read["no"] or not re.fullmatch(r"\d+", read["score"]) or int(read["score"]) > MOST_SCORE:
        words = gettext("Invalid line “%(line)s”: write a name or id alone, after “not”, or before “>= 80”.")
        raise BadRequirement(words % {"line": line})
    return _requirement(find(read["name"]), COMPARATORS[read["sign"]]) | {"IntegerValues": [int(read["score"])]}


def type_id_of(name: str) -> str:
    """Return the id of a qualification type by its id, or by its name if it is ours. Raises BadRequirement."""
    if name in SYSTEM:
        return name
    try:
        if TYPE_ID.fullmatch(name):
            endpoint.call("GetQualificationType", QualificationTypeId=name)
            return name
        type_id = endpoint.find_qualification_type(name)
    except endpoint.RefusedCall:
        words = gettext("The marketplace knows no qualification with the id %(id)s.")
        raise BadRequirement(words % {"id": name}) from None
    except endpoint.EndpointError as error:
        words = gettext("The marketplace gave no answer about %(name)s: %(error)s")
        raise BadRequirement(words % {"name": name, "error": error}) from None
    if type_id is None:
        words = gettext("You have no qualification called “%(name)s” on the marketplace. Enter others by their ids.")
        raise BadRequirement(words % {"name": name})
    return type_id


def check_together(requirements: Iterable[Requirement]) -> None:
    """Raise BadRequirement for requirements that are valid one by one, but not together."""
    ids = [requirement["QualificationTypeId"] for requirement in requirements]
    twice = next((requirement for requirement in ids if ids.count(requirement) > 1), None)
    if twice:
        words = gettext("The qualification “%(name)s” is required twice.")
        raise BadRequirement(words % {"name": SYSTEM.get(twice, twice)})
    if len(ids) > MOST_REQUIREMENTS:
        words = gettext("There are %(n)s qualifications; a HIT takes at most %(most)s besides our own.")
        raise BadRequirement(words % {"n": len(ids), "most": MOST_REQUIREMENTS})


def in_words(requirements: Iterable[Requirement]) -> list[str]:
    """Return the requirements in words, for pages.

    >>> in_words([at_least(PERCENT_APPROVED, 95), in_places("US CA-QC")])
    ['Percent of assignments approved: at least 95', 'Location: one of US, CA-QC']
    """
    requirements = list(requirements)
    ids = {requirement["QualificationTypeId"] for requirement in requirements}
    ours = dict(Qualification.objects.filter(type_id__in=ids.difference(SYSTEM)).values_list("type_id", "name"))
    return [
        WORDS.get(requirement.get("Comparator", ""), OTHER_WORDS)
        % {
            "name": SYSTEM.get(requirement["QualificationTypeId"])
            or ours.get(requirement["QualificationTypeId"], requirement["QualificationTypeId"]),
            "values": _values_of(requirement),
        }
        for requirement in requirements
    ]


def _values_of(requirement: Requirement) -> str:
    places = [
        "-".join(filter(None, (place["Country"], place.get("Subdivision"))))
        for place in requirement.get("LocaleValues", ())
    ]
    values = [str(value) for value in requirement.get("IntegerValues", ())]
    return ", ".join(values + places)
