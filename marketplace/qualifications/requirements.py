"""Whether a value meets a QualificationRequirement, and what a requirement guards. Pure functions."""

from collections.abc import Mapping

from marketplace.errors import BadParameter

# What one may do who does not meet it grows to the left: a requirement guards its own action and those after it.
GUARDS = {
    "Accept": ("accept",),
    "PreviewAndAccept": ("accept", "preview"),
    "DiscoverPreviewAndAccept": ("accept", "preview", "discover"),
}
COMPARISONS = {
    "LessThan": lambda value, others: value < others[0],
    "LessThanOrEqualTo": lambda value, others: value <= others[0],
    "GreaterThan": lambda value, others: value > others[0],
    "GreaterThanOrEqualTo": lambda value, others: value >= others[0],
    "EqualTo": lambda value, others: value == others[0],
    "NotEqualTo": lambda value, others: value != others[0],
    "In": lambda value, others: value in others,
    "NotIn": lambda value, others: value not in others,
}
SETS = ("In", "NotIn")
EXISTENCE = ("Exists", "DoesNotExist")


def guards(requirement: Mapping, action: str) -> bool:
    """`action` is accept, preview or discover."""
    named = requirement.get("ActionsGuarded")
    if named is None:
        named = "PreviewAndAccept" if requirement.get("RequiredToPreview") else "Accept"
    return action in GUARDS[named]


def meets(requirement: Mapping, value: int | tuple[str, str] | None) -> bool:
    """`value` is a score, (country, subdivision) for the locale, or None: then only DoesNotExist is met."""
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
        wanted = "at least one value" if comparator in SETS else "exactly one value"
        raise BadParameter(f"QualificationRequirement {type_id}: {comparator} takes {wanted} in {field}.")
