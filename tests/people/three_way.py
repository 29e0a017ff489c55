"""People who are asked for yes, maybe or no."""

from tests.people.person import GridMeaning, Person, Script
from tests.people.plain import PHONE

ABOUT_GRIDS = {"form": "forms have no third answer"}

THREE_WAY = (
    Person(
        "says maybe by a second press on the photograph",
        study="three",
        grid=Script("start; see all; select 2 5 5; submit", GridMeaning(yes=(2,), maybe=(5,))),
        absent=ABOUT_GRIDS,
    ),
    Person(
        "says maybe by a tap on the word",
        study="three",
        device=PHONE,
        grid=Script("start; see all; select 1; maybe 4 7; submit", GridMeaning(yes=(1,), maybe=(4, 7))),
        absent=ABOUT_GRIDS,
    ),
    Person(
        "says maybe of one, and yes of none",
        study="three",
        grid=Script("start; see all; maybe 3; submit", GridMeaning(maybe=(3,))),
        absent=ABOUT_GRIDS,
    ),
    Person(
        "goes from maybe to yes, and from yes to no",
        study="three",
        grid=Script("start; see all; maybe 3; yes 3; yes 6; yes 6; maybe 8; submit", GridMeaning(yes=(3,), maybe=(8,))),
        absent=ABOUT_GRIDS,
    ),
    Person(
        "goes all the way round by pressing the photograph",
        study="three",
        grid=Script("start; see all; select 3 3 3; select 4; submit", GridMeaning(yes=(4,))),
        absent=ABOUT_GRIDS,
    ),
    Person(
        "says maybe by keyboard",
        study="three",
        grid=Script(
            "start; see all; to_photograph 2; press Space; to_maybe 6; press Space; to_submit; press Enter",
            GridMeaning(yes=(2,), maybe=(6,)),
        ),
        absent=ABOUT_GRIDS,
    ),
    Person(
        "says maybe by the key m",
        study="three",
        grid=Script(
            "start; see all; to_photograph 2; press m ArrowRight m Space; submit", GridMeaning(yes=(3,), maybe=(2,))
        ),
        absent=ABOUT_GRIDS,
    ),
    Person(
        "says maybe without scripts",
        study="three",
        device={"java_script_enabled": False},
        grid=Script("start; yes 1; maybe 4; submit", GridMeaning(yes=(1,), maybe=(4,))),
        absent=ABOUT_GRIDS,
    ),
    Person(
        "says maybe, and reloads",
        study="three",
        grid=Script("start; see all; maybe 4; yes 5; kept; reload; see all; submit", GridMeaning(yes=(5,), maybe=(4,))),
        absent=ABOUT_GRIDS,
    ),
    Person(
        "says maybe while our site is away, so that the answer travels through the marketplace",
        study="three",
        grid=Script(
            "block 6; start; see all; maybe 4; yes 5; site_away; submit; confirm; live_through 12; arrive",
            GridMeaning(yes=(5,), maybe=(4,), nothing=(6,)),
        ),
        absent=ABOUT_GRIDS | {"link": "there, an answer waits for our site"},
    ),
)
