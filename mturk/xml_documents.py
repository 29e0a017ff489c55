"""The XML that travels to and from a marketplace with MTurk's API: questions out, answers in."""

from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

SCHEMAS = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas"
QUESTION = f"{SCHEMAS}/2006-07-14/ExternalQuestion.xsd"
HTML_QUESTION = f"{SCHEMAS}/2011-11-11/HTMLQuestion.xsd"
ANSWERS = f"{SCHEMAS}/2005-10-01/QuestionFormAnswers.xsd"
LONGEST_QUESTION = 65_535
# Our answers have some thousand characters; what is far longer is not ours.
LONGEST_ANSWER = 300_000
FIT_THE_WINDOW = "0"


class UnreadableAnswers(ValueError):
    """This is not the XML of a form's answers."""


def external_question(address: str) -> str:
    """The question that shows this page in a frame as high as the window.

    >>> external_question("https://a.example/contains/1/?a=1&b=2").partition("<ExternalURL>")[2]
    'https://a.example/contains/1/?a=1&amp;b=2</ExternalURL><FrameHeight>0</FrameHeight></ExternalQuestion>'
    """
    if urlsplit(address).scheme not in ("https", "http"):
        raise ValueError(f"{address!r} is no address of a page.")
    question = Element("ExternalQuestion", xmlns=QUESTION)
    SubElement(question, "ExternalURL").text = address
    SubElement(question, "FrameHeight").text = FIT_THE_WINDOW
    return tostring(question, encoding="unicode")


def html_question(page: str) -> str:
    """A question whose page is part of it."""
    question = Element("HTMLQuestion", xmlns=HTML_QUESTION)
    SubElement(question, "HTMLContent").text = page
    SubElement(question, "FrameHeight").text = FIT_THE_WINDOW
    return tostring(question, encoding="unicode")


def answers_in(document: str) -> dict[str, str]:
    """The fields of a QuestionFormAnswers document; of several with one name the first. Raises UnreadableAnswers.

    >>> answers_in('<QuestionFormAnswers xmlns="a"><Answer><QuestionIdentifier>receipt</QuestionIdentifier>'
    ...            '<FreeText>x1</FreeText></Answer></QuestionFormAnswers>')
    {'receipt': 'x1'}
    """
    if len(document) > LONGEST_ANSWER:
        raise UnreadableAnswers(f"The answers have {len(document):,} characters; at most {LONGEST_ANSWER:,} are read.")
    try:
        root = fromstring(document)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise UnreadableAnswers(f"The answers are not the XML they should be: {error}") from None
    if _name(root) != "QuestionFormAnswers":
        raise UnreadableAnswers(f"The answers are a document of another kind: {_name(root)[:60]}")
    fields: dict[str, str] = {}
    for answer in root:
        parts = {_name(part): part.text or "" for part in answer}
        if "QuestionIdentifier" in parts:
            fields.setdefault(parts["QuestionIdentifier"], parts.get("FreeText", ""))
    return fields


def _name(element: Element) -> str:
    """Without its namespace: a version's date in it is no reason to lose an answer."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
