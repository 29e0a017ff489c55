"""The checker of the fault runs finds what it is there to find."""

import pytest

from tests.faults.checker import complaints, slowest

SENT = {"event": "invoke", "at": 1.0, "key": "k", "worker": "w", "hit": "h", "selected": ["a"], "n_shown": 2}
ACKNOWLEDGED = {"event": "ok", "at": 3.5, "key": "k"}
ROW = {"id": 1, "key": "k", "worker": "w", "hit": "h", "selected": ["a"], "state": "confirmed", "slot_id": 5}
VOTES = [
    {"submission_id": 1, "image": "a", "selected": True, "counted": True},
    {"submission_id": 1, "image": "b", "selected": False, "counted": True},
]


def test_a_right_history_gives_no_complaint():
    assert complaints([SENT, ACKNOWLEDGED], [ROW], VOTES) == []


@pytest.mark.parametrize("stored", [True, False])
def test_what_nobody_knows_may_be_stored_or_not(stored):
    unknown = {"event": "info", "at": 9.0, "key": "k"}
    assert complaints([SENT, unknown], [ROW] if stored else [], VOTES if stored else []) == []


@pytest.mark.parametrize(
    ("events", "rows", "votes", "reason"),
    [
        ([SENT, ACKNOWLEDGED], [], [], "not stored"),
        ([SENT, {"event": "fail", "at": 2.0, "key": "k"}], [ROW], VOTES, "was refused and is stored"),
        ([], [ROW], VOTES, "nobody sent it"),
        ([SENT, ACKNOWLEDGED], [ROW, ROW | {"id": 2, "hit": "i", "slot_id": 6}], VOTES, "stored 2 times"),
        ([SENT, ACKNOWLEDGED], [ROW, ROW | {"id": 2, "key": "l", "slot_id": 6}], VOTES, "'worker', 'hit'"),
        ([SENT, ACKNOWLEDGED], [ROW, ROW | {"id": 2, "key": "l", "hit": "i"}], VOTES, "slot_id"),
        ([SENT, ACKNOWLEDGED], [ROW], VOTES[:1], "1 votes for 2 cells"),
        ([SENT, ACKNOWLEDGED], [ROW], [], "0 votes for 2 cells"),
        ([SENT, ACKNOWLEDGED], [ROW], [VOTES[0], VOTES[0]], "2 votes for 2 cells"),
        ([SENT, ACKNOWLEDGED], [ROW | {"selected": ["b"]}], VOTES, "otherwise than it was sent"),
        ([SENT, ACKNOWLEDGED], [ROW | {"worker": "v"}], VOTES, "otherwise than it was sent"),
        ([SENT, ACKNOWLEDGED], [ROW], [VOTES[0], VOTES[1] | {"selected": True}], "something else"),
        ([SENT, ACKNOWLEDGED], [ROW], [VOTES[0] | {"counted": False}, VOTES[1]], "not wholly counted"),
    ],
)
def test_a_wrong_history_is_found(events, rows, votes, reason):
    assert any(reason in complaint for complaint in complaints(events, rows, votes))


def test_surplus_work_need_not_count():
    votes = [vote | {"counted": False} for vote in VOTES]
    assert complaints([SENT, ACKNOWLEDGED], [ROW | {"state": "surplus", "slot_id": None}], votes) == []


def test_the_wait_of_a_submit_is_measured_from_its_first_try():
    assert slowest([SENT, ACKNOWLEDGED]) == [2.5]
