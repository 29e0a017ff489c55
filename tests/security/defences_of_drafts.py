"""Defences of drafts, and of the one answer of a lease: D1 of docs/security.md."""

from tests.security.removal import Defence

DRAFTS = "tests/workforce/test_drafts.py::"

OF_DRAFTS = (
    Defence(
        "D1 a draft replaces only the version that its page knows",
        "workforce/drafts/statements.py",
        "    WHERE draft.version = %(base)s::integer\n",
        "",
        (f"{DRAFTS}test_a_draft_replaces_only_the_version_that_its_page_knows",),
    ),
    Defence(
        "D1 a submission deletes its draft",
        "workforce/statements.py",
        "        DELETE FROM workforce_draft USING stored WHERE lease_id = %(lease)s AND assignment_id IS NULL\n",
        "        SELECT 1\n",
        (f"{DRAFTS}test_a_draft_is_no_vote_and_ends_with_the_answer",),
    ),
    Defence(
        "D1 a late draft of a submitted lease is dropped",
        "workforce/drafts/statements.py",
        " AND state <> 'submitted' FOR SHARE",
        "",
        (f"{DRAFTS}test_a_late_draft_of_a_submitted_lease_is_not_stored",),
    ),
    Defence(
        "D1 a late draft waits for the submission",
        "workforce/drafts/statements.py",
        " FOR SHARE",
        "",
        ("tests/workforce/test_draft_races.py::test_a_draft_that_comes_during_the_submission_is_dropped",),
    ),
    Defence(
        "D1 an answer does not pass a newer draft",
        "workforce/pages.py",
        "    if other is not None:\n        return other\n",
        "",
        (f"{DRAFTS}test_an_answer_that_differs_from_a_newer_draft_asks_and_stores_nothing",),
    ),
    Defence(
        "D1 a draft in a frame belongs to its assignment",
        "workforce/drafts/reads.py",
        "    if lease.assignment is None:\n",
        "    if not lease.pk:\n        return None\n    if lease.assignment is None or lease.drafts.exists():\n",
        (f"{DRAFTS}test_in_a_frame_a_draft_belongs_to_its_assignment",),
    ),
    Defence(
        "D1 drafts are counted apart",
        "workforce/pages.py",
        "    check_pace_of_drafts(request, lease)\n",
        "",
        (
            f"{DRAFTS}test_drafts_have_a_pace_of_their_own_and_starve_no_answer",
            f"{DRAFTS}test_drafts_of_one_network_have_a_cap",
        ),
    ),
    Defence(
        "D1 drafts are short",
        "workforce/drafts/pages.py",
        " or len(text) > MOST_CHARACTERS:",
        ":",
        (f"{DRAFTS}test_what_no_page_sends_is_refused",),
    ),
    Defence(
        "D1 a different answer is refused",
        "workforce/unverified/actions.py",
        "    if selects_the_same(submission.answer, answer):\n        return submission\n",
        "    if submission.pk:\n        return submission\n",
        (
            f"{DRAFTS}test_a_different_answer_is_refused_and_says_which_one_is_saved",
            "tests/workforce/test_submit.py::test_a_different_answer_is_refused_and_says_which_one_is_saved",
        ),
    ),
    Defence(
        "D1 a page's script asks before it shows a draft that another browser saved in a frame",
        "static/workforce/drafts.js",
        "form.dataset.handOver && words(local?.content ?? {}) !== saved",
        "false",
        ("tests/browser/test_drafts.py::test_in_a_frame_only_the_browser_that_saved_a_draft_shows_it_unasked",),
    ),
)
