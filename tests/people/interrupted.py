"""People whose page, network or device goes away in the middle."""

from tests.people.person import FormMeaning, GridMeaning, Person, Script
from tests.people.plain import PHONE

INTERRUPTED = (
    Person(
        "reloads in the middle",
        grid=Script("start; see all; select 2; kept; reload; see all; select 5; submit", GridMeaning(yes=(2, 5))),
        form=Script(
            "start; see all; select 0 1; kept; reload; see all; choose_main 1; submit", FormMeaning((0, 1), main=1)
        ),
    ),
    Person(
        "reloads, and submits without another look",
        grid=Script("start; see all; select 2; kept; reload; submit", GridMeaning(yes=(2,))),
        form=Script("start; see all; select 0 1; choose_main 0; kept; reload; submit", FormMeaning((0, 1), main=0)),
    ),
    Person(
        "goes back and forward in the middle",
        grid=Script(
            "start; see all; select 2; kept; back; forward; see all; select 5; submit", GridMeaning(yes=(2, 5))
        ),
        form=Script("start; see all; select 1; kept; back; forward; see all; submit", FormMeaning((1,), main=1)),
        absent={"frame": "Back leaves the marketplace's page, which is a page of its own"},
    ),
    Person(
        "goes back after submitting",
        grid=Script("start; see all; select 2; submit; arrive; back; arrive_again", GridMeaning(yes=(2,))),
        form=Script("start; see all; select 1; submit; arrive; back; arrive_again", FormMeaning((1,), main=1)),
    ),
    Person(
        "closes the tab and comes again by the link",
        grid=Script("start; see all; select 3; kept; tab; resume; see all; select 4; submit", GridMeaning(yes=(3, 4))),
        form=Script(
            "start; see all; select 0 2; kept; tab; resume; see all; choose_main 2; submit", FormMeaning((0, 2), main=2)
        ),
    ),
    Person(
        "begins on the phone and goes on at the desk",
        device=PHONE,
        grid=Script(
            "start; see all; select 1 2; kept; at_desk; resume; see all; select 5; submit", GridMeaning(yes=(1, 2, 5))
        ),
        form=Script(
            "start; see all; select 0; kept; at_desk; resume; see all; select 1; choose_main 1; submit",
            FormMeaning((0, 1), main=1),
        ),
    ),
    Person(
        "has two tabs, and submits in the second",
        grid=Script(
            "start; see all; select 1; kept; tab; resume; see all; unselect 1; select 2; submit; arrive",
            GridMeaning(yes=(2,)),
        ),
        form=Script(
            "start; see all; select 1; kept; tab; resume; see all; unselect 1; select 2; submit; arrive",
            FormMeaning((2,), main=2),
        ),
    ),
    Person(
        "submits in one tab and then in the other",
        grid=Script(
            "start; see all; select 1; kept; tab; resume; see all; select 2; submit; arrive; "
            "use 1; submit; told_of_the_first",
            GridMeaning(yes=(1, 2)),
        ),
        form=Script(
            "start; see all; select 1; kept; tab; resume; see all; select 0; choose_main 0; submit; arrive; "
            "use 1; submit; told_of_the_first",
            FormMeaning((0, 1), main=0),
        ),
    ),
    Person(
        "has two tabs that differ, and keeps the first",
        grid=Script(
            "start; see all; select 1; kept; tab; resume; see all; select 2; kept; "
            "use 1; select 3; keep; keep_mine; submit",
            GridMeaning(yes=(1, 3)),
        ),
        form=Script(
            "start; see all; select 1; kept; tab; resume; see all; select 0; choose_main 0; kept; "
            "use 1; select 2; choose_main 2; keep; keep_mine; submit",
            FormMeaning((1, 2), main=2),
        ),
    ),
    Person(
        "has two tabs that differ, and takes the other",
        grid=Script(
            "start; see all; select 1; kept; tab; resume; see all; select 2; kept; "
            "use 1; select 3; keep; take_theirs; submit",
            GridMeaning(yes=(1, 2)),
        ),
        form=Script(
            "start; see all; select 1; kept; tab; resume; see all; select 0; choose_main 0; kept; "
            "use 1; select 2; choose_main 2; keep; take_theirs; submit",
            FormMeaning((0, 1), main=0),
        ),
    ),
    Person(
        "loses the network in the middle",
        grid=Script("start; see all; offline; select 2 5; online; submit", GridMeaning(yes=(2, 5))),
        form=Script("start; see all; offline; select 0 1; choose_main 0; online; submit", FormMeaning((0, 1), main=0)),
    ),
    Person(
        "submits without a network, which comes back",
        grid=Script("start; see all; select 2; offline; submit; unsent_yet; online", GridMeaning(yes=(2,))),
        form=Script("start; see all; select 1; offline; submit; unsent_yet; online", FormMeaning((1,), main=1)),
    ),
    Person(
        "does not get the receipt",
        grid=Script("start; see all; select 2; lose_reply; submit", GridMeaning(yes=(2,))),
        form=Script("start; see all; select 1; lose_reply; submit", FormMeaning((1,), main=1)),
    ),
    Person(
        "meets a site that is not ready",
        grid=Script("start; see all; select 2; fail_once; submit; wait 40", GridMeaning(yes=(2,))),
        form=Script("start; see all; select 1; fail_once; submit; wait 40", FormMeaning((1,), main=1)),
    ),
    Person(
        "takes a break of half an hour",
        grid=Script("start; see all; select 2; wait 1800; select 4; submit", GridMeaning(yes=(2, 4))),
        form=Script("start; see all; select 1; wait 1800; submit", FormMeaning((1,), main=1)),
    ),
    Person(
        "reads another tab for a while",
        grid=Script("start; see all; select 2; hide; wait 60; show; select 4; submit", GridMeaning(yes=(2, 4))),
        form=Script("start; see all; select 1; hide; wait 60; show; submit", FormMeaning((1,), main=1)),
    ),
)
