"""What a researcher asks of workers, as they write it, as the API takes it, and in words."""

import re
from collections.abc import Callable, Iterable
from typing import Any

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
# The marketplace's own; it computes who has them.
SYSTEM = {
    PERCENT_APPROVED: "Percent of assignments approved",
    NUMBER_APPROVED: "Number of assignments approved",
    LOCALE: "Place",
    ADULT: "Adult content",
} | dict.fromkeys(MASTERS, "Masters")
COMPARATORS = {
    ">=": "GreaterThanOrEqualTo",
    "<=": "LessThanOrEqualTo",
    "!=": "NotEqualTo",
    "=": "EqualTo",
    ">": "GreaterThan",
    "<": "LessThan",
}
# As MTurk has it unless told otherwise: everybody may look, and read what they lack.
GUARDED = "Accept"
MOST_PLACES, MOST_SCORE = 30, 2**31 - 1
PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
TYPE_ID = re.compile(r"[A-Z0-9]{20,64}")
LINE = re.compile(r"(?P<no>not\s+)?(?P<name>.+?)(\s*(?P<sign>>=|<=|!=|=|>|<)\s*(?P<score>\S+))?", re.IGNORECASE)

Requirement = dict[str, Any]


class BadRequirement(UserError):
    """This cannot be asked of workers; the message says why and how it is written."""


def at_least(type_id: str, score: int) -> Requirement:
    return _requirement(type_id, "GreaterThanOrEqualTo") | {"IntegerValues": [score]}


def _requirement(type_id: str, comparator: str) -> Requirement:
    return {"QualificationTypeId": type_id, "Comparator": comparator, "ActionsGuarded": GUARDED}


def in_places(text: str) -> Requirement:
    """
    >>> in_places("us, CA-QC")["LocaleValues"]
    [{'Country': 'US'}, {'Country': 'CA', 'Subdivision': 'QC'}]
    """
    codes = [place.upper() for place in re.split(r"[\s,;]+", text) if place]
    for place in codes:
        if not PLACE.fullmatch(place):
            raise BadRequirement(f"{place} is no place: write countries by two letters, parts of them like US-NY.")
    if len(codes) > MOST_PLACES:
        raise BadRequirement(f"These are {len(codes)} places; the marketplace takes {MOST_PLACES}.")
    parts = [place.partition("-") for place in dict.fromkeys(codes)]
    _check_countries(dict.fromkeys(country for country, _, _ in parts))
    places = [{"Country": country} | ({"Subdivision": part} if part else {}) for country, _, part in parts]
    return _requirement(LOCALE, "In") | {"LocaleValues": places}


def _check_countries(codes: Iterable[str]) -> None:
    """Raise BadRequirement for codes of no country: a HIT that asks for one of those alone is offered to nobody."""
    unknown = [country for country in codes if country not in COUNTRIES]
    if not unknown:
        return
    meant = [f"for {country} write {USUAL_SLIPS[country]}" for country in unknown if country in USUAL_SLIPS]
    way_out = "; ".join(meant) or "correct or leave out, and look codes up under ISO 3166-1: DE is Germany, US the USA"
    named = f"{', '.join(unknown)} {'is the code of no country' if len(unknown) == 1 else 'are codes of no country'}"
    raise BadRequirement(f"{named}: {way_out}.")


def custom(text: str, find: Callable[[str], str] | None = None) -> list[Requirement]:
    """One qualification a line, by name or id. `find` makes an id of a name; it asks the marketplace.

    >>> [one] = custom("not Trained last year", {"Trained last year": "3A"}.get)
    >>> one["QualificationTypeId"], one["Comparator"]
    ('3A', 'DoesNotExist')
    >>> [one] = custom("Ticking test >= 80", {"Ticking test": "3B"}.get)
    >>> one["QualificationTypeId"], one["Comparator"], one["IntegerValues"]
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
        raise BadRequirement(f"“{line}”: write a name or id alone, with “not” before it, or with “>= 80” behind it.")
    return _requirement(find(read["name"]), COMPARATORS[read["sign"]]) | {"IntegerValues": [int(read["score"])]}


def type_id_of(name: str) -> str:
    """The id of a qualification type by its name, if it is ours, or by its id. Raises BadRequirement."""
    if name in SYSTEM:
        return name
    try:
        if TYPE_ID.fullmatch(name):
            endpoint.call("GetQualificationType", QualificationTypeId=name)
            return name
        type_id = endpoint.find_qualification_type(name)
    except endpoint.RefusedCall:
        raise BadRequirement(f"The marketplace knows no qualification with the id {name}.") from None
    except endpoint.EndpointError as error:
        raise BadRequirement(f"The marketplace could not be asked about {name}: {error}") from None
    if type_id is None:
        raise BadRequirement(f"We have no qualification called “{name}” there. Others are asked for by their ids.")
    return type_id


def check_together(requirements: Iterable[Requirement]) -> None:
    """Raise BadRequirement for what may be asked one by one, and not together."""
    ids = [requirement["QualificationTypeId"] for requirement in requirements]
    twice = next((requirement for requirement in ids if ids.count(requirement) > 1), None)
    if twice:
        raise BadRequirement(f"The qualification {SYSTEM.get(twice, twice)} is asked for twice.")
    if len(ids) > MOST_REQUIREMENTS:
        raise BadRequirement(f"{len(ids)} qualifications are asked for; a HIT takes {MOST_REQUIREMENTS} beside ours.")


def in_words(requirements: Iterable[Requirement]) -> list[str]:
    """As a page says them.

    >>> in_words([at_least(PERCENT_APPROVED, 95), in_places("US CA-QC")])
    ['Percent of assignments approved: at least 95', 'Place: one of US, CA-QC']
    """
    requirements = list(requirements)
    ids = [requirement["QualificationTypeId"] for requirement in requirements]
    ours = dict(Qualification.objects.filter(type_id__in=set(ids).difference(SYSTEM)).values_list("type_id", "name"))
    return [
        f"{SYSTEM.get(ids[n]) or ours.get(ids[n], ids[n])}: {_values_in_words(requirement)}"
        for n, requirement in enumerate(requirements)
    ]


WORDS = {
    "GreaterThanOrEqualTo": "at least {}",
    "LessThanOrEqualTo": "at most {}",
    "GreaterThan": "more than {}",
    "LessThan": "less than {}",
    "EqualTo": "exactly {}",
    "NotEqualTo": "not {}",
    "In": "one of {}",
    "NotIn": "none of {}",
    "Exists": "have it",
    "DoesNotExist": "do not have it",
}


def _values_in_words(requirement: Requirement) -> str:
    places = [
        "-".join(filter(None, (place["Country"], place.get("Subdivision"))))
        for place in requirement.get("LocaleValues", ())
    ]
    values = [str(value) for value in requirement.get("IntegerValues", ())]
    return WORDS.get(requirement.get("Comparator", ""), "{}").format(", ".join(values + places))
