"""The marketplace's own qualifications, under MTurk's ids. Their values are computed, never granted."""

LOCALE = "00000000000000000071"
ADULT = "00000000000000000060"
NUMBER_APPROVED = "00000000000000000040"
PERCENT_APPROVED = "000000000000000000L0"
# Of the production site and of the sandbox.
MASTERS = ("2F1QJWKUDD8XADTFD2Q0G6UTO95ALH", "2ARFPLSP75KLA8M8DH1HTEQVJT3SY6")

NAMES = {
    LOCALE: "Location",
    ADULT: "Adult content",
    NUMBER_APPROVED: "Number of assignments approved",
    PERCENT_APPROVED: "Percent of assignments approved",
} | dict.fromkeys(MASTERS, "Masters")


def asks_for_masters(requirements: list[dict]) -> bool:
    return any(
        requirement["QualificationTypeId"] in MASTERS and requirement["Comparator"] != "DoesNotExist"
        for requirement in requirements
    )
