"""The XML that travels to and from a marketplace with MTurk's API: questions out, answers in."""

from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from django.utils.translation import gettext

SCHEMAS = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas"
QUESTION = f"{SCHEMAS}/2006-07-14/ExternalQuestion.xsd"
ANSWERS = f"{SCHEMAS}/2005-10-01/QuestionFormAnswers.xsd"
LONGEST_QUESTION = 65_535
# Our answers have a few thousand characters; a far longer one is not ours.
LONGEST_ANSWER = 300_000
FIT_THE_WINDOW = "0"


class UnreadableAnswers(ValueError):
    """An error for a document that is not the XML of a form's answers."""


def external_question(address: str) -> str:
    """Return the question that shows this page in a frame as high as the window.

    >>> external_question("https://a.example/contains/1/?a=1&b=2").partition("<ExternalURL>")[2]
    'https://a.example/contains/1/?a=1&amp;b=2</ExternalURL><FrameHeight>0</FrameHeight></ExternalQuestion>'
    """
    if urlsplit(address).scheme not in ("https", "http"):
        raise ValueError(f"{address!r} is no address of a page.")
    question = Element("ExternalQuestion", xmlns=QUESTION)
    SubElement(question, "ExternalURL").text = address
    SubElement(question, "FrameHeight").text = FIT_THE_WINDOW
    return tostring(question, encoding="unicode")


def answers_in(document: str) -> dict[str, str]:
    """Return the fields of a QuestionFormAnswers document; of a repeated name, the first. Raises UnreadableAnswers.

    >>> answers_in('<QuestionFormAnswers xmlns="a"><Answer><QuestionIdentifier>receipt</QuestionIdentifier>'
    ...            '<FreeText>x1</FreeText></Answer></QuestionFormAnswers>')
    {'receipt': 'x1'}
    """
    if len(document) > LONGEST_ANSWER:
        words = gettext("The answers have %(n)s characters; at most %(most)s are allowed.")
        raise UnreadableAnswers(words % {"n": f"{len(document):,}", "most": f"{LONGEST_ANSWER:,}"})
    try:
        root = fromstring(document)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise UnreadableAnswers(gettext("The answers are not valid XML: %(error)s") % {"error": error}) from None
    if _name(root) != "QuestionFormAnswers":
        words = gettext("The answers are a document of another kind: %(kind)s")
        raise UnreadableAnswers(words % {"kind": _name(root)[:60]})
    fields: dict[str, str] = {}
    for answer in root:
        parts = {_name(part): part.text or "" for part in answer}
        if "QuestionIdentifier" in parts:
            fields.setdefault(parts["QuestionIdentifier"], parts.get("FreeText", ""))
    return fields


def _name(element: Element) -> str:
    """Return the name without its namespace: a new version there must not lose an answer."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
