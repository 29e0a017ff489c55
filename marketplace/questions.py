"""The Question of a HIT: an ExternalQuestion with an address that may be framed."""

from xml.dom import minidom
from xml.parsers.expat import ExpatError
from xml.sax import SAXException

from django.conf import settings
from django.core.serializers.xml_serializer import DefusedExpatParser

from marketplace.errors import BadParameter, NotOffered
from marketplace.task_addresses import is_task_address

NAMESPACE = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2006-07-14/ExternalQuestion.xsd"
NO_XML = (
    "There was an error parsing the XML question or answer data in your request. Please make sure the data is "
    "well-formed and validates against the appropriate schema."
)


def external_url(question: str) -> tuple[str, int]:
    """Return address and frame height (0: as high as the window) of an ExternalQuestion, or raise BadParameter.

    Whether the address may be framed is asked once, when a HIT is created: `check_question`.
    """
    root = parsed(question).documentElement
    assert root is not None, "a parsed document has an element"
    if root.localName in ("HTMLQuestion", "QuestionForm"):
        raise NotOffered(f"A Question of type {root.localName}: only ExternalQuestion can be shown.")
    children = [node for node in root.childNodes if isinstance(node, minidom.Element)]
    names = [node.localName for node in children]
    if (root.localName, root.namespaceURI, names) != ("ExternalQuestion", NAMESPACE, ["ExternalURL", "FrameHeight"]):
        raise bad_xml(f"expected ExternalQuestion of {NAMESPACE} with ExternalURL and FrameHeight.")
    url, height = (text_of(node).strip() for node in children)
    if not (height.isascii() and height.isdigit() and len(height) < 7):
        raise bad_xml(f"FrameHeight {height!r} is no number of pixels.")
    return url, int(height)


def text_of(element: minidom.Element) -> str:
    # A CDATA section is a Text, too.
    return "".join(part.data for part in element.childNodes if isinstance(part, minidom.Text))


def parsed(question: str) -> minidom.Document:
    """Return the document; declared types or entities are refused, since expanding them could fill the memory."""
    parser = DefusedExpatParser()
    parser.setFeature("http://xml.org/sax/features/namespaces", True)
    try:
        return minidom.parseString(question, parser)
    except (ExpatError, SAXException, ValueError) as error:
        raise bad_xml(str(error)) from None


def check_question(question: str) -> None:
    """Raise BadParameter for a question that cannot be shown, or leads where no HIT may lead."""
    url, _ = external_url(question)
    if not is_task_address(url, origin=settings.ORIGIN):
        raise bad_xml(
            f"ExternalURL {url!r:.200} must use the HTTPS protocol, and lead to the internet. Only a marketplace on "
            "this machine leads to this machine, also with http."
        )


def bad_xml(details: str) -> BadParameter:
    return BadParameter(f"{NO_XML} Details: {details}", code="XMLParseError")
