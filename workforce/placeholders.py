"""Values that stand in links where an ID should be: placeholders that no program filled in, and "no value" in words."""

import re
from html import unescape
from unicodedata import normalize
from urllib.parse import unquote

QUOTES = " \t\"'`´‘’‚“”„«»‹›\\"
# Never in an ID: {{ID}}, ${ID}, #{ID}, $(ID), %(ID)s, {%ID%}, <%ID%>, <?ID?>, [[ID]], <<ID>>, *|ID|*, %ID%.
SYNTAX = re.compile(r"\{\{|\}\}|[$#@%][{(\[]|\{%|%\}|<[%?]|[%?]>|\[\[|\]\]|<<|>>|\*\||\|\*|%[^%]+%")
# The whole value: {ID}, [ID], <ID>, or one sign at both ends, #ID#, $ID$, @ID@; %s, %d, $1, {0}.
WRAPPED = re.compile(r"\{.*\}|\[.*\]|<.*>|([#$@|*~!^%&?=]).+\1|%[a-zA-Z@]|\$\d+")
# A part of the value: lab-{ID}.
IN_BRACKETS = re.compile(r"\{([^{}]*)\}|\[([^\[\]]*)\]|<([^<>]*)>|\(([^()]*)\)|__(.+)__")
NO_VALUE = frozenset(
    {
        "undefined",
        "null",
        "none",
        "nan",
        "nil",
        "na",
        "void",
        "empty",
        "blank",
        "missing",
        "unknown",
        "unset",
        "notset",
        "notdefined",
        "notavailable",
        "notprovided",
        "notgiven",
        "nonegiven",
        "novalue",
        "noid",
        "inf",
        "infinity",
        "notapplicable",
        "objectobject",
        "true",
        "false",
        "anonymous",
        "replaceme",
        "changeme",
        "fillme",
        "fillin",
        "placeholder",
        "todo",
        "tbd",
    }
)
# Behind the name of a parameter, workerid=null; twice, or with a number that a program added: nullnull, null0, NaN.0.
NO_VALUES = re.compile(
    f"(?:worker|participant|user|prolific|external)*(?:id|pid)?(?:{'|'.join(sorted(NO_VALUE))})"
    "|(?:undefined|null|none)+[0-9]{0,3}|nan0"
)
# Names of parameters, at recruitment sites, survey tools and marketplaces, without signs and in lower case.
NAMES = (
    "pid|id|rid|wid|uid|uuid|guid|name|username|login|email|emailaddress|worker|user|participant|subject|respondent|"
    "panelist|prolific|prolificpid|surveycode|hitid|turksubmitto|token|session|"
    "(?:external|prolific|connect|cloudresearch|sona|mturk|amazon|aws|worker|user|participant|subject|respondent|"
    "panelist|person|study|session|project|assignment|survey|response|lab|student|case|transaction|random|unique|"
    "public|recipient|first|last|from|m|data|reference)+"
    "(?:id|code|name|number|pid|email|reference|fromprolific)"
)
NAMED = re.compile(
    "(?:(?:please|insert|enter|put|add|type|write|paste|replace|with|by|your|my|the|their|this|some|unique|own)*)"
    f"(?:{NAMES})(?:here|goes|value|placeholder|variable|field|param|parameter|string|notavailable|notset)*"
)
XES = re.compile("x{3,}")
# Of a spreadsheet, where a formula found nothing: #REF!, #N/A, #NAME?.
BROKEN_CELL = re.compile(r"#[A-Za-z/0]+[!?]?")


def is_nobody(value: str) -> bool:
    """Return whether a value is no ID of a person, whatever its case, with quotes, blanks or percent signs around.

    >>> [is_nobody(value) for value in ("{{%PROLIFIC_PID%}}", "NaN", ":id", "YOUR_ID_HERE", "…")]
    [True, True, True, True, True]
    >>> [is_nobody(value) for value in ("5f3c0b7a", "test1", "p01", "worker 3", "a{b}", "100%")]
    [False, False, False, False, False, False]
    """
    decoded = unescape(unquote(unquote(value)))
    return _is_nobody(value) or (decoded != value and _is_nobody(decoded))


def folded(text: str) -> str:
    """Return a text without the differences of case and Unicode form."""
    return normalize("NFKC", normalize("NFKC", text).casefold())


def _is_nobody(value: str) -> bool:
    text = normalize("NFKC", value).strip(QUOTES)
    if (
        SYNTAX.search(text)
        or WRAPPED.fullmatch(text)
        or BROKEN_CELL.fullmatch(text)
        or not any(character.isalnum() for character in text)
    ):
        return True
    parts = [part for match in IN_BRACKETS.finditer(text) for part in match.groups() if part]
    if any(_is_word_for_nobody(part) for part in [text, *parts]):
        return True
    words = [_letters(word) for word in re.split(r"[\W_]+", text)]
    return "undefined" in words or all(word in NO_VALUE for word in words if word)


def _is_word_for_nobody(text: str) -> bool:
    letters = _letters(text)
    return bool(NO_VALUES.fullmatch(letters) or NAMED.fullmatch(letters) or XES.fullmatch(letters))


def _letters(text: str) -> str:
    """Return the letters and digits alone: a sign before or after a word does not make it an ID.

    >>> _letters("$PROLIFIC_PID")
    'prolificpid'
    """
    return "".join(character for character in folded(text) if character.isalnum())
