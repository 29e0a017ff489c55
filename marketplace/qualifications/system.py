"""The marketplace's own qualifications, under MTurk's ids. Their values are computed, never granted."""

from django.utils.translation import gettext_lazy

LOCALE = "00000000000000000071"
ADULT = "00000000000000000060"
NUMBER_APPROVED = "00000000000000000040"
PERCENT_APPROVED = "000000000000000000L0"
# The ids of the production site and of the sandbox.
MASTERS = ("2F1QJWKUDD8XADTFD2Q0G6UTO95ALH", "2ARFPLSP75KLA8M8DH1HTEQVJT3SY6")

NAMES = {
    LOCALE: gettext_lazy("Location"),
    ADULT: gettext_lazy("Adult content"),
    NUMBER_APPROVED: gettext_lazy("Number of approved assignments"),
    PERCENT_APPROVED: gettext_lazy("Percentage of approved assignments"),
} | dict.fromkeys(MASTERS, gettext_lazy("Masters"))


def asks_for_masters(requirements: list[dict]) -> bool:
    return any(
        requirement["QualificationTypeId"] in MASTERS and requirement["Comparator"] != "DoesNotExist"
        for requirement in requirements
    )
