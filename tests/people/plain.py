"""People with a device, a language and a way of pointing of their own."""

from tests.people.person import FormMeaning, GridMeaning, Person, Script

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
TABLET = {"viewport": {"width": 820, "height": 1180}, "has_touch": True}

PLAIN = (
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
    Person(
        "taps on a tablet held upright",
        device=TABLET,
        grid=Script("start; see all; select 3 4; submit", GridMeaning(yes=(3, 4))),
        form=Script("start; see all; select 0 1 2; choose_main 0; submit", FormMeaning((0, 1, 2), main=0)),
    ),
    Person(
        "turns the phone in the middle",
        device=PHONE,
        grid=Script("start; see all; select 1; turn_screen; select 6; submit", GridMeaning(yes=(1, 6))),
        form=Script(
            "start; see all; select 1; turn_screen; select 2; choose_main 2; submit", FormMeaning((1, 2), main=2)
        ),
    ),
    Person(
        "uses the keyboard alone",
        grid=Script(
            "start; see all; to_photograph 2; press Space; to_photograph 7; press Space; to_submit; press Enter",
            GridMeaning(yes=(2, 7)),
        ),
        form=Script(
            "start; see all; to_label 0; press Space; to_label 2; press Space; main_by_keys 2; to_submit; press Enter",
            FormMeaning((0, 2), main=2),
        ),
    ),
    Person(
        "uses the keyboard alone, and changes their mind",
        grid=Script(
            "start; see all; to_photograph 3; press Space Space; to_photograph 4; press Space; to_submit; press Space",
            GridMeaning(yes=(4,)),
        ),
        form=Script(
            "start; see all; to_label 0; press Space Space; to_label 1; press Space; to_submit; press Space",
            FormMeaning((1,), main=1),
        ),
    ),
    Person(
        "hears the page in the order of a screen reader",
        grid=Script("start; hear; tick_by_name 4; tick_by_name 8; press_submit", GridMeaning(yes=(4, 8))),
        form=Script(
            "start; hear; tick_by_name 1; tick_by_name 2; main_by_name 1; press_submit", FormMeaning((1, 2), 1)
        ),
    ),
    Person(
        "has a page in German",
        device={"locale": "de-DE"},
        grid=Script("start; see all; select 1; submit", GridMeaning(yes=(1,))),
        form=Script("start; see all; select 0 2; choose_main 2; submit", FormMeaning((0, 2), main=2)),
    ),
    Person(
        "has a page in Spanish",
        device={"locale": "es-MX"},
        grid=Script("start; see all; select 6; submit", GridMeaning(yes=(6,))),
        form=Script("start; see all; select 0 2; choose_main 0; submit", FormMeaning((0, 2), main=0)),
    ),
    Person(
        "zooms to 200 %",
        grid=Script("start; zoom 200; see all; select 2 8; submit", GridMeaning(yes=(2, 8))),
        form=Script("start; zoom 200; see all; select 0 1; choose_main 0; submit", FormMeaning((0, 1), main=0)),
    ),
    Person(
        "zooms to 400 %",
        device={"viewport": {"width": 1280, "height": 1024}},
        grid=Script("start; zoom 400; see all; select 2 8; submit", GridMeaning(yes=(2, 8))),
        form=Script("start; zoom 400; see all; select 0 1; choose_main 0; submit", FormMeaning((0, 1), main=0)),
    ),
    Person(
        "wants forced colours, and nothing that moves",
        device={"forced_colors": "active", "reduced_motion": "reduce"},
        grid=Script("start; see all; select 5; submit", GridMeaning(yes=(5,))),
        form=Script("start; see all; select 1; submit", FormMeaning((1,), main=1)),
    ),
    Person(
        "works in the dark",
        device=PHONE | {"color_scheme": "dark"},
        grid=Script("start; see all; select 7; submit", GridMeaning(yes=(7,))),
        form=Script("start; see all; select 1 2; choose_main 1; submit", FormMeaning((1, 2), main=1)),
    ),
    Person(
        "has no scripts",
        device={"java_script_enabled": False},
        grid=Script("start; select 3 6; submit", GridMeaning(yes=(3, 6))),
        form=Script("start; select 0 1; choose_main 1; submit", FormMeaning((0, 1), main=1)),
    ),
    Person(
        "has no scripts, and one label",
        device={"java_script_enabled": False},
        form=Script("start; select 2; submit", FormMeaning((2,), main=2)),
        absent={"grid": "about labels"},
    ),
    Person(
        "selects every photograph and every label",
        grid=Script("start; see all; select 1 2 3 4 5 6 7 8; submit", GridMeaning(yes=range(1, 9))),
        form=Script("start; see all; select 0 1 2; choose_main 2; submit", FormMeaning((0, 1, 2), main=2)),
    ),
    Person(
        "means none of the photographs",
        grid=Script("start; see all; submit; confirm", GridMeaning()),
        absent={"form": "a form without labels is no answer"},
    ),
    Person(
        "means none of the photographs, without scripts",
        device={"java_script_enabled": False},
        grid=Script("start; submit; confirm", GridMeaning()),
        absent={"form": "a form without labels is no answer"},
    ),
    Person(
        "means none of the photographs, by keyboard",
        grid=Script("start; see all; to_submit; press Enter; think; to_confirm; press Enter", GridMeaning()),
        absent={"form": "a form without labels is no answer"},
    ),
)
