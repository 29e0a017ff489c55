"""Defences of votes against what a browser says of its page."""

from tests.security.removal import Defence

FACTS, RECOVERED = "tests/workforce/test_facts.py", "tests/contains_task/test_recovered.py"

OF_VOTES = (
    Defence(
        "V1 an unseen cell has no vote",
        "contains_task/actions.py",
        " AND cell.image_id <> ALL(%(unseen)s::bigint[])",
        "",
        (
            f"{FACTS}::test_a_grid_stores_what_its_page_says_by_position",
            f"{RECOVERED}::test_a_copy_can_only_take_votes_away",
        ),
    ),
    Defence(
        "V1 an unseen form has no vote",
        "classify_task/actions.py",
        'if submission.answer.get("unseen") or ClassifyVote',
        "if ClassifyVote",
        (f"{FACTS}::test_a_form_whose_photograph_was_not_seen_gives_no_vote",),
    ),
    Defence(
        "V2 facts have a longest list",
        "workforce/facts/reads.py",
        "in marks[:MOST_MARKS] if",
        "in marks if",
        (f"{FACTS}::test_marks_are_bounded",),
    ),
    Defence(
        "V2 an absurd fact is dropped",
        "workforce/facts/reads.py",
        "round(value) if 0 <= value <= most else None",
        "round(value)",
        (f"{FACTS}::test_a_photograph_with_an_absurd_fact_counts_as_seen",),
    ),
)
