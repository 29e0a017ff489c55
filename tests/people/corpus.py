"""The corpus: people who work in their own ways, and what each of them means."""

from tests.people.person import FormMeaning, GridMeaning, Person, Script

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}

PEOPLE = (
    Person(
        "points with a mouse",
        grid=Script("start; see all; select 2 5; submit", GridMeaning(yes=(2, 5))),
        form=Script("start; see all; select 0 1; choose_main 1; submit", FormMeaning((0, 1), main=1)),
    ),
    Person(
        "taps on a phone",
        device=PHONE,
        grid=Script("start; see all; select 1 8; submit", GridMeaning(yes=(1, 8))),
        form=Script("start; see all; select 2; submit", FormMeaning((2,), main=2)),
    ),
)
