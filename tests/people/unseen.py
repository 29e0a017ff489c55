"""People who did not see every photograph: about those they say nothing."""

from tests.people.person import NO_VOTE, NOT_LOOKED_AT, FormMeaning, GridMeaning, Person, Script

# Two photographs beside each other, and not two rows at once.
SMALL = {"viewport": {"width": 360, "height": 420}}

UNSEEN = (
    Person(
        "gets no photographs at all",
        grid=Script("block all; start; submit; confirm; confirm_if_asked", NO_VOTE),
        form=Script("block all; start; select 1; submit; confirm", NO_VOTE),
    ),
    Person(
        "does not get two of the photographs",
        grid=Script("block 3 6; start; see all; select 2; submit; confirm", GridMeaning(yes=(2,), nothing=(3, 6))),
        absent={"form": "see: gets no photographs at all"},
    ),
    Person(
        "gets a photograph late",
        grid=Script(
            "block 3; start; see all; select 2; submit; asked; unblock; photographs_come; see all; select 3; submit",
            GridMeaning(yes=(2, 3)),
        ),
        form=Script(
            "block all; start; unblock; photographs_come; see all; select 1; submit", FormMeaning((1,), main=1)
        ),
    ),
    Person(
        "gets the photographs when the network is back",
        grid=Script(
            "block 1 2; start; see all; offline; unblock; online; photographs_come; see all; select 1; submit",
            GridMeaning(yes=(1,)),
        ),
        absent={"form": "see: gets a photograph late"},
    ),
    Person(
        "never scrolls, and submits all the same",
        device=SMALL,
        grid=Script("start; see 1; select 1; submit; confirm", GridMeaning(yes=(1,), nothing=NOT_LOOKED_AT)),
        absent={"form": "its photograph is always in view"},
    ),
    Person(
        "is led to what they have not seen, and looks",
        device=SMALL,
        grid=Script(
            "start; see 1; select 1; submit; go_back_to_work; see all; select 8; submit", GridMeaning(yes=(1, 8))
        ),
        absent={"form": "its photograph is always in view"},
    ),
    Person(
        "says without scripts that two photographs did not load",
        device={"java_script_enabled": False},
        grid=Script("block 3 6; start; select 1; not_loaded 3 6; submit", GridMeaning(yes=(1,), nothing=(3, 6))),
        form=Script("block all; start; select 1; not_loaded 1; submit", NO_VOTE),
    ),
)
