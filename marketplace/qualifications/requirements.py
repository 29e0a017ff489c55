"""Checks of values against a QualificationRequirement, and its guarded actions. Pure functions."""

from collections.abc import Mapping

from marketplace.errors import BadParameter

# A requirement guards its own action and all stricter ones: without discovery there is no preview.
GUARDS = {
    "Accept": ("accept",),
    "PreviewAndAccept": ("accept", "preview"),
    "DiscoverPreviewAndAccept": ("accept", "preview", "discover"),
}
COMPARISONS = {
    "LessThan": lambda value, limits: value < limits[0],
    "LessThanOrEqualTo": lambda value, limits: value <= limits[0],
    "GreaterThan": lambda value, limits: value > limits[0],
    "GreaterThanOrEqualTo": lambda value, limits: value >= limits[0],
    "EqualTo": lambda value, limits: value == limits[0],
    "NotEqualTo": lambda value, limits: value != limits[0],
    "In": lambda value, members: value in members,
    "NotIn": lambda value, members: value not in members,
}
SETS = ("In", "NotIn")
EXISTENCE = ("Exists", "DoesNotExist")


def guards(requirement: Mapping, action: str) -> bool:
    """Return whether a requirement guards an action: accept, preview or discover."""
    guard = requirement.get("ActionsGuarded")
    if guard is None:
        guard = "PreviewAndAccept" if requirement.get("RequiredToPreview") else "Accept"
    return action in GUARDS[guard]


def meets(requirement: Mapping, value: int | tuple[str, str] | None) -> bool:
    """Return whether a value meets the requirement.

    `value` is a score, (country, subdivision) for the locale, or None: then only DoesNotExist is met.
    """
    comparator = requirement["Comparator"]
    if comparator in EXISTENCE:
        return (value is not None) == (comparator == "Exists")
    if value is None:
        return False
    if isinstance(value, tuple):
        places = [(place["Country"], place.get("Subdivision")) for place in requirement["LocaleValues"]]
        inside = any(value[0] == country and part in (None, value[1]) for country, part in places)
        return inside == (comparator in ("EqualTo", "In"))
    return COMPARISONS[comparator](value, requirement["IntegerValues"])


def check_requirement(requirement: Mapping, is_locale: bool) -> None:
    """Refuse a requirement that could never be decided."""
    comparator, type_id = requirement["Comparator"], requirement["QualificationTypeId"]
    field, other = ("LocaleValues", "IntegerValues") if is_locale else ("IntegerValues", "LocaleValues")
    n_values = len(requirement.get(field) or ())
    if requirement.get(other):
        raise BadParameter(f"QualificationRequirement {type_id}: {other} do not belong to this qualification.")
    if is_locale and comparator not in ("EqualTo", "NotEqualTo", *SETS, *EXISTENCE):
        raise BadParameter(f"QualificationRequirement {type_id}: a locale cannot be compared by {comparator}.")
    if comparator in EXISTENCE and n_values:
        raise BadParameter(f"QualificationRequirement {type_id}: {comparator} takes no values.")
    if comparator not in EXISTENCE and (n_values == 0 or (n_values > 1 and comparator not in SETS)):
        expected = "at least one value" if comparator in SETS else "exactly one value"
        raise BadParameter(f"QualificationRequirement {type_id}: {comparator} takes {expected} in {field}.")
