"""People who press too much, too early, or something else than they mean, and mend it."""

from tests.people.person import FormMeaning, GridMeaning, Person, Script

HASTY = (
    Person(
        "presses Enter on an untouched page",
        grid=Script("start; see all; to_photograph 1; press Enter; unsent; select 4; submit", GridMeaning(yes=(4,))),
        form=Script("start; see all; to_label 1; press Enter; unsent; select 1; submit", FormMeaning((1,), main=1)),
    ),
    Person(
        "presses Enter to select",
        grid=Script(
            "start; see all; to_photograph 2; press Space Enter; unsent; select 3; submit", GridMeaning(yes=(2, 3))
        ),
        form=Script(
            "start; see all; to_label 0; press Space Enter; unsent; select 1; choose_main 1; to_main; press Enter; "
            "unsent; submit",
            FormMeaning((0, 1), main=1),
        ),
    ),
    Person(
        "presses Enter without scripts",
        device={"java_script_enabled": False},
        grid=Script("start; to_photograph 2; press Space Enter; unsent; select 3; submit", GridMeaning(yes=(2, 3))),
        form=Script("start; to_label 0; press Space Enter; unsent; submit", FormMeaning((0,), main=0)),
    ),
    Person(
        "submits an untouched grid by accident",
        grid=Script("start; see all; submit; go_back_to_work; select 1; submit", GridMeaning(yes=(1,))),
        absent={"form": "see: forgets the labels"},
    ),
    Person(
        "double-clicks Submit on an untouched grid",
        grid=Script("start; see all; double_submit; asked; go_back_to_work; select 6; submit", GridMeaning(yes=(6,))),
        absent={"form": "see: forgets the labels"},
    ),
    Person(
        "double-clicks Submit",
        grid=Script("start; see all; select 2; double_submit", GridMeaning(yes=(2,))),
        form=Script("start; see all; select 2; double_submit", FormMeaning((2,), main=2)),
    ),
    Person(
        "double-clicks Submit without scripts",
        device={"java_script_enabled": False},
        grid=Script("start; select 2; double_submit", GridMeaning(yes=(2,))),
        form=Script("start; select 2; double_submit", FormMeaning((2,), main=2)),
    ),
    Person(
        "presses Submit again and again",
        grid=Script("start; see all; select 7; hurry", GridMeaning(yes=(7,))),
        form=Script("start; see all; select 0; hurry", FormMeaning((0,), main=0)),
    ),
    Person(
        "changes their mind",
        grid=Script("start; see all; select 1 2 3; unselect 2; select 4; unselect 1; submit", GridMeaning(yes=(3, 4))),
        form=Script(
            "start; see all; select 0 1; choose_main 0; unselect 0; select 2; choose_main 2; submit",
            FormMeaning((1, 2), main=2),
        ),
    ),
    Person(
        "takes back the label that was the main one, and then all but one",
        form=Script("start; see all; select 0 1; choose_main 1; unselect 1; submit", FormMeaning((0,), main=0)),
        absent={"grid": "about labels"},
    ),
    Person(
        "takes the main label back and selects it again",
        form=Script(
            "start; see all; select 0 1 2; choose_main 1; unselect 1; select 1; submit; refused; choose_main 0; submit",
            FormMeaning((0, 1, 2), main=0),
        ),
        absent={"grid": "about labels"},
    ),
    Person(
        "forgets the labels",
        form=Script("start; see all; submit; refused; unsent; select 2; submit", FormMeaning((2,), main=2)),
        absent={"grid": "see: submits an untouched grid by accident"},
    ),
    Person(
        "forgets the labels, without scripts",
        device={"java_script_enabled": False},
        form=Script("start; submit; refused; select 2; submit", FormMeaning((2,), main=2)),
        absent={"grid": "see: means none of the photographs, without scripts"},
    ),
    Person(
        "forgets the main object: the first label does not become it",
        form=Script(
            "start; see all; select 0 1; submit; refused; unsent; choose_main 1; submit", FormMeaning((0, 1), main=1)
        ),
        absent={"grid": "about labels"},
    ),
    Person(
        "forgets the main object, without scripts",
        device={"java_script_enabled": False},
        form=Script("start; select 0 1; submit; refused; choose_main 1; submit", FormMeaning((0, 1), main=1)),
        absent={"grid": "about labels"},
    ),
    Person(
        "chooses the main object by arrows",
        form=Script(
            "start; see all; select 0 1 2; to_main; press Space; arrow_to_main 1; to_submit; press Enter",
            FormMeaning((0, 1, 2), main=1),
        ),
        absent={"grid": "about labels"},
    ),
    Person(
        "lets the arrows pass all main objects, with two of three labels selected",
        form=Script(
            "start; see all; select 0 2; to_main; press Space ArrowDown ArrowDown ArrowUp ArrowDown; "
            "arrow_to_main 2; to_submit; press Enter",
            FormMeaning((0, 2), main=2),
        ),
        absent={"grid": "about labels"},
    ),
    Person(
        "enlarges a photograph, and goes back",
        grid=Script("start; see all; select 1; enlarge 2; back; select 3; submit", GridMeaning(yes=(1, 3))),
        form=Script(
            "start; see all; select 1; enlarge; back; select 2; choose_main 1; submit", FormMeaning((1, 2), main=1)
        ),
    ),
    Person(
        "enlarges a photograph, and closes it by Escape",
        grid=Script("start; see all; select 1; enlarge 2; press Escape; select 3; submit", GridMeaning(yes=(1, 3))),
        form=Script("start; see all; select 1; enlarge; press Escape; submit", FormMeaning((1,), main=1)),
    ),
    Person(
        "reports a problem first",
        grid=Script("start; see all; select 2; report; select 3; submit", GridMeaning(yes=(2, 3))),
        form=Script("start; see all; select 2; report; submit", FormMeaning((2,), main=2)),
    ),
    Person(
        "presses Enter in a report",
        grid=Script("start; see all; select 2; report_by_enter; submit", GridMeaning(yes=(2,))),
        form=Script("start; see all; select 2; report_by_enter; submit", FormMeaning((2,), main=2)),
    ),
)
