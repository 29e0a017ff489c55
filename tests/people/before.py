"""People at the page before the work: who reads, agrees, declines, or thinks again."""

from tests.people.person import NO_VOTE, FormMeaning, GridMeaning, Person, Script

ONE_YES, ONE_LABEL = GridMeaning(yes=(2,)), FormMeaning((1,), main=1)

BEFORE = (
    Person(
        "reads the consent statement and agrees",
        study="introduced",
        grid=Script("start; see all; select 2; submit", ONE_YES),
        form=Script("start; see all; select 1; submit", ONE_LABEL),
    ),
    Person(
        "agrees by keyboard alone",
        study="introduced",
        grid=Script(
            "open; to_start; press Enter; begun; see all; to_photograph 2; press Space; to_submit; press Enter", ONE_YES
        ),
        form=Script(
            "open; to_start; press Space; begun; see all; to_label 1; press Space; to_submit; press Enter", ONE_LABEL
        ),
    ),
    Person(
        "agrees without scripts",
        study="introduced",
        device={"java_script_enabled": False},
        grid=Script("start; select 2; submit", ONE_YES),
        form=Script("start; select 1; submit", ONE_LABEL),
    ),
    Person(
        "declines",
        study="introduced",
        grid=Script("open; decline", NO_VOTE, is_sent=False),
        form=Script("open; decline", NO_VOTE, is_sent=False),
    ),
    Person(
        "declines by keyboard",
        study="introduced",
        grid=Script("open; to_decline; press Enter; declined", NO_VOTE, is_sent=False),
        form=Script("open; to_decline; press Enter; declined", NO_VOTE, is_sent=False),
    ),
    Person(
        "declines, and thinks again",
        study="introduced",
        grid=Script("open; decline; reconsider; agree; see all; select 2; submit", ONE_YES),
        form=Script("open; decline; reconsider; agree; see all; select 1; submit", ONE_LABEL),
    ),
    Person(
        "begins, then leaves and sends nothing",
        study="introduced",
        grid=Script("start; see all; select 2; kept", NO_VOTE, is_sent=False),
        form=Script("start; see all; select 1; kept", NO_VOTE, is_sent=False),
    ),
)
