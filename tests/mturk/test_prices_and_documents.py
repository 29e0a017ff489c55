"""Prices, and the XML to and from a marketplace."""

from decimal import Decimal
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mturk.endpoint import NAMED_HIT, STAMP, named_hit, scrubbed
from mturk.payments.reads import hourly
from mturk.pricing.reads import asks_for_masters, divided, fee_of, preview
from mturk.xml_documents import ANSWERS, LONGEST_ANSWER, QUESTION, UnreadableAnswers, answers_in, external_question
from tests.required import require

BOMB = (
    '<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;&x;&x;">]>'
    f'<QuestionFormAnswers xmlns="{ANSWERS}"><Answer><QuestionIdentifier>receipt</QuestionIdentifier>'
    "<FreeText>&y;</FreeText></Answer></QuestionFormAnswers>"
)


def answers(*fields: tuple[str, str]) -> str:
    rows = "".join(
        f"<Answer><QuestionIdentifier>{name}</QuestionIdentifier><FreeText>{value}</FreeText></Answer>"
        for name, value in fields
    )
    return f'<?xml version="1.0" encoding="ASCII"?><QuestionFormAnswers xmlns="{ANSWERS}">{rows}</QuestionFormAnswers>'


@pytest.mark.parametrize(
    "reward, n, fee",
    [
        ("0.01", 1, "0.01"),
        ("0.04", 9, "0.01"),
        ("0.05", 9, "0.01"),
        ("0.08", 9, "0.02"),
        ("0.08", 10, "0.03"),
        ("0.125", 9, "0.03"),
        ("1.00", 9, "0.20"),
        ("1.00", 10, "0.40"),
    ],
)
def test_a_fee_is_rounded_half_up_to_the_cent_and_at_least_one(reward, n, fee):
    assert fee_of(Decimal(reward), n) == Decimal(fee)


def test_ten_answers_as_one_hit_would_cost_twice_the_fee_and_the_preview_says_so():
    cost = preview([10], Decimal("0.10"))
    assert (cost.n_hits, cost.fees, cost.fees_as_tens, cost.total) == (
        2,
        Decimal("0.20"),
        Decimal("0.40"),
        Decimal("1.20"),
    )


@given(st.lists(st.integers(0, 60), max_size=20), st.integers(1, 500))
def test_a_preview_counts_every_answer_once_and_never_crosses_the_cliff(n_answers, cents):
    cost = preview(n_answers, Decimal(cents) / 100)
    parts = [part for n in n_answers if n for part in divided(n)]
    assert cost.n_assignments == sum(n_answers) == sum(parts)
    assert cost.n_hits == len(parts)
    assert all(1 <= part <= 9 for part in parts)
    assert cost.total == cost.rewards + cost.fees
    assert cost.fees <= cost.fees_as_tens
    assert cost.total == cost.total.quantize(Decimal("0.01"))


def test_masters_cost_more():
    assert asks_for_masters([{"QualificationTypeId": "2F1QJWKUDD8XADTFD2Q0G6UTO95ALH"}])
    assert not asks_for_masters([{"QualificationTypeId": "000000000000000000L0"}])
    not_them = {"QualificationTypeId": "2F1QJWKUDD8XADTFD2Q0G6UTO95ALH", "Comparator": "DoesNotExist"}
    assert not asks_for_masters([not_them])
    assert preview([1], Decimal("1.00"), masters=True).fees == Decimal("0.25")


def test_a_question_carries_its_address_escaped_and_fits_the_window():
    address = 'https://a.example/contains/x/?a=1&b="2"<3'
    root = fromstring(external_question(address))
    assert root.tag == f"{{{QUESTION}}}ExternalQuestion"
    parts = [(part.tag.rpartition("}")[2], part.text) for part in root]
    assert parts == [("ExternalURL", address), ("FrameHeight", "0")]


def test_a_question_without_an_address_of_a_page_is_refused():
    with pytest.raises(ValueError, match="no address of a page"):
        external_question("javascript:alert(1)")


def test_answers_are_read_by_name_and_the_first_of_two_counts():
    document = answers(("receipt", "a &lt; b"), ("selected", ""), ("receipt", "second"))
    assert answers_in(document) == {"receipt": "a < b", "selected": ""}


@pytest.mark.parametrize(
    "document",
    ["", "no XML", "<a></a>", "<QuestionFormAnswers>", BOMB, answers(("receipt", "x" * LONGEST_ANSWER)), "\x00"],
    ids=["empty", "text", "other", "cut", "bomb", "long", "nul"],
)
def test_what_is_no_answer_or_an_attack_is_refused_in_words(document):
    with pytest.raises(UnreadableAnswers, match="answers"):
        answers_in(document)


@given(st.text(max_size=300))
def test_no_document_breaks_the_reader(document):
    try:
        assert isinstance(answers_in(document), dict)
    except UnreadableAnswers as error:
        assert str(error)


@pytest.mark.parametrize(
    "message, stamped",
    [
        ("Rate exceeded (1596835865828 s)", "Rate exceeded"),
        ("It is gone. (1625139618656)", "It is gone."),
        ("No (3)", "No (3)"),
    ],
)
def test_the_stamp_of_a_message_is_cut_off(message, stamped):
    assert STAMP.sub("", message) == stamped


def test_messages_name_hits_and_no_workers():
    message = "The HIT with HITId 3XJOUITW8URHJMX7F00H20LGRIAQTX already exists for A1B2C3D4E5F6G7."
    assert named_hit(message) == "3XJOUITW8URHJMX7F00H20LGRIAQTX"
    assert scrubbed(message).endswith("already exists for (worker).")
    assert NAMED_HIT.search("UNREMARKABLEWORDSINCAPITALS") is None


def test_nobody_worked_means_no_wage_and_one_person_is_their_own_quartile():
    assert hourly([]) is None
    wage = hourly([(Decimal("0.15"), 60.0)])
    assert (require(wage).n, require(wage).median, require(wage).p25) == (1, Decimal("9.00"), Decimal("9.00"))
