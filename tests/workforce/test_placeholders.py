"""IDs that are nobody's: placeholders in every syntax, and the words of programs for no value."""

import html
from itertools import product
from urllib.parse import quote

import pytest

from tests.factories import make_grid, start, worker_client
from workforce.models import Worker
from workforce.placeholders import is_nobody
from workforce.recruitment_links import NoParticipant, external_id, similar_ids

NAMES = (
    *("PROLIFIC_PID", "participantId", "survey_code", "worker", "workerId", "assignmentId", "STUDY_ID", "SESSION_ID"),
    *("ID", "uid", "user_id", "subject-id", "Participant ID", "YOUR_ID_HERE", "insert your id", "NAME", "random_id"),
)
SYNTAXES = (
    *("{}", "{{{}}}", "{{{{{}}}}}", "{{{{%{}%}}}}", "${{{}}}", "${{e://Field/{}}}", "#{{{}}}", "%{{{}}}", "%({})s"),
    *("[{}]", "[[{}]]", "<{}>", "<<{}>>", "<%= {} %>", "&lt;{}&gt;", "%{}%", "%%{}%%", "__{}__", "_{}_", "#{}#", "#{}"),
    *(
        "${}",
        "${}$",
        ":{}",
        "{}:",
        "@{}",
        "@{}@",
        "@@{}@@",
        "|{}|",
        "*|{}|*",
        "={}",
        "{}=",
        "&{}",
        "?{}",
        "%{}",
        "~{}~",
    ),
    *("(({}))", "({})", "$({})", "$[{}]", "\\{{{}\\}}", "lab-{{{}}}", "p_[{}]", "p-<{}>"),
)
NO_VALUES = ("undefined", "null", "None", "NaN", "nil", "N/A", "[object Object]", "ASSIGNMENT_ID_NOT_AVAILABLE", "xxxx")
NOTHING = ("…", "...", "-", "--", "___", "?", "*", "{}", "[]", "<>", "{0}", "%s", "%d", "$1", "[…]", "{…}", "[...]")
AROUND = ("{}", " {} ", '"{}"', "'{}'", "“{}”", "«{}»", "`{}`", "%{}%", "%22{}%22", "%2522{}%2522", '\\"{}\\"', "{} ")
REAL = (
    # Prolific, Connect, SONA, MTurk.
    *(
        "5f3c0b7a9e1d2c3b4a596877",
        "60ffd0a1b2c3d4e5f6a7b8c9",
        "3F2504E04F8911D39A0C0305E82C3301",
        "12345",
        "0",
        "00017",
    ),
    *("3f2504e0-4f89-11d3-9a0c-0305e82c3301", "A1B2C3D4E5F6G7", "AXXXX1234"),
    # Labs.
    *("test", "test1", "p01", "P-001", "sub-01", "S12", "vp_17", "id7", "ID-4711", "worker1", "worker-12", "user01"),
    *("participant 3", "subject_12", "name1", "pid17", "student 9", "_p01_", "uid1000", "study1-p1", "x", "xx", "demo"),
    *("anna", "Anna Schmidt", "Anna (2)", "anna[2]", "müller", "a.b@uni.de", "O'Brien", "李雷", "ñid", "Ida", "Noname"),
    *("Nullmeyer", "Nania", "undefinedx", "lab(3)", "#12", "100%", "a{b}", "5 % of $", "$x", "a&b=<c> +", "C0FFEE"),
)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_name_of_a_parameter_is_nobody_in_every_syntax(syntax):
    family = [syntax.format(change(name)) for name in NAMES for change in (str, str.lower, str.upper)]
    assert [value for value in family if not is_nobody(value)] == []


@pytest.mark.parametrize("around", AROUND)
def test_a_word_for_no_value_is_nobody_in_any_case_whatever_is_around_it(around):
    words = [change(word) for word in (*NO_VALUES, *NOTHING) for change in (str, str.lower, str.upper, str.title)]
    family = [around.format(word) for word in words] + [around.format(quote(word)) for word in words]
    assert [value for value in family if not is_nobody(value)] == []


@pytest.mark.parametrize(
    "value", ["lab-undefined", "undefined_undefined", "null,null", "｛ID｝", "ＰＲＯＬＩＦＩＣ＿ＰＩＤ"]
)
def test_a_value_made_of_no_values_is_nobody(value):
    assert is_nobody(value)


# As recruitment sites, survey tools and spreadsheets write them.
OF_TOOLS = (
    *("MTURK_WORKER_ID", "PROLIFIC_PARTICIPANT_ID", "participant_prolific_id", "ParticipantPublicId", "First Name"),
    *("ExternalReference", "m://ExternalDataReference", "RecipientEmail", "FIRSTNAME", "TOKEN", "SESSION", "RID"),
    *("workerid=null", "worker:null", "nullnull", "null0", "nonenull", "undefined123", "NaN.0", "No value", "no-id"),
    *("none given", "not provided", "inf", "Infinity", "#REF!", "#VALUE!", "#N/A", "#NAME?"),
)


@pytest.mark.parametrize("value", OF_TOOLS)
def test_what_a_tool_writes_for_no_value_is_nobody(value):
    assert is_nobody(value) and is_nobody(value.swapcase())


@pytest.mark.parametrize(
    "value", ["na12", "Nana", "nullmann", "user17", "name1", "id7", "session3", "infinitum", "#12"]
)
def test_an_id_that_only_resembles_such_a_word_is_somebody(value):
    assert not is_nobody(value)


@pytest.mark.parametrize("value", REAL)
def test_a_real_id_is_somebody(value):
    assert external_id({"worker": value}) == value


@pytest.mark.django_db
def test_the_pages_refuse_them_and_store_nobody():
    batch = make_grid().hit.batch
    values = ("undefined", '"NaN"', "{participantId}", "…")
    for name, value in product(("PROLIFIC_PID", "participantId", "worker"), values):
        query = f"{name}={quote(value)}"
        for response in (start(batch, query), worker_client().get(f"/join/{batch.public_id}?{query}")):
            assert response.status_code == 400
            assert "Your ID is missing from this link" in html.unescape(response.content.decode())
    assert not Worker.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_link_that_names_two_people_names_nobody(method):
    batch = make_grid().hit.batch
    send = getattr(worker_client(), method)
    response = send(f"/join/{batch.public_id}?worker=ann&worker=bob")
    assert response.status_code == 400
    assert "several different IDs" in response.content.decode()
    assert send(f"/join/{batch.public_id}?worker=ann&worker=ann&worker=").status_code in (200, 303)


def test_a_later_parameter_does_not_make_up_for_a_placeholder():
    with pytest.raises(NoParticipant):
        external_id({"PROLIFIC_PID": "{{%PROLIFIC_PID%}}", "worker": "ann"})


def test_ids_alike_in_all_but_case_or_unicode_form_are_named_and_stay_different():
    assert similar_ids(["anna", "Anna", "bert", "jose\u0301", "jos\u00e9", "p01", "ｐ01", "STRASSE", "straße"]) == [
        ["Anna", "anna"],
        ["jose\u0301", "jos\u00e9"],
        ["p01", "ｐ01"],
        ["STRASSE", "straße"],
    ]
    assert similar_ids(["p01", "p02", "p01"]) == []
