"""Answers in MTurk's format for requesters: a QuestionFormAnswers document."""

import re
from collections.abc import Iterable
from xml.sax.saxutils import escape

NAMESPACE = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2005-10-01/QuestionFormAnswers.xsd"
# XML 1.0 cannot represent these characters.
IMPOSSIBLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def answers_xml(fields: Iterable[tuple[str, str]]) -> str:
    """Return form fields, in their order, as a document; a repeated field is repeated there.

    >>> answers_xml([("label", "a < b")]).splitlines()[3]
    '<QuestionIdentifier>label</QuestionIdentifier>'
    """
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<QuestionFormAnswers xmlns="{NAMESPACE}">']
    for name, value in fields:
        lines += [
            "<Answer>",
            f"<QuestionIdentifier>{text(name)}</QuestionIdentifier>",
            f"<FreeText>{text(value)}</FreeText>",
            "</Answer>",
        ]
    return "\n".join([*lines, "</QuestionFormAnswers>"])


def text(value: str) -> str:
    return escape(IMPOSSIBLE.sub("\ufffd", value), {"\r": "&#13;"})
