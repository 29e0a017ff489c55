"""Links for recruitment sites that send people to the study: Prolific, CloudResearch Connect, SONA, a lab's own list.

These sites do not verify anybody: the ID in the link is used as it is, and a completion code leads to the payment.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext

from catalog.errors import UserError
from workforce.models import LONGEST_PLATFORM_ID
from workforce.placeholders import folded, is_nobody

# Parameters in which these sites put the participant's ID; the first one present counts.
PARTICIPANT_PARAMETERS = ("PROLIFIC_PID", "participantId", "survey_code", "worker", "workerId")
# Prolific's and CloudResearch Connect's parameters for their own study, and for the person's session in it.
STUDY_PARAMETERS = ("STUDY_ID", "projectId")
SESSION_PARAMETERS = ("SESSION_ID", "assignmentId")
LONGEST_ID = 200
# Prolific replaces these placeholders by the IDs of the participant, the study and the session.
PROLIFIC_QUERY = "PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}"


class PlatformSession(NamedTuple):
    """The IDs of a platform's study and of a person's session there; empty where the link names none."""

    study_id: str = ""
    session_id: str = ""


class NoParticipant(UserError):
    """A link without a participant's ID, or with an invalid one."""


def external_id(parameters: Mapping[str, str]) -> str:
    """Return the participant's ID from the parameters of a link. Raises NoParticipant.

    >>> external_id({"PROLIFIC_PID": "5f3c", "STUDY_ID": "61aa", "SESSION_ID": "77"})
    '5f3c'
    """
    for name in PARTICIPANT_PARAMETERS:
        values = {value.strip() for value in _values(parameters, name)} - {""}
        if len(values) > 1:
            raise NoParticipant(
                gettext("This link contains several different IDs. Open the link exactly as you received it.")
            )
        if values:
            return checked_id(values.pop())
    raise NoParticipant(
        gettext(
            "Your ID is missing from this link. Open the study again from the site that sent you "
            "here. If that does not help, tell the researchers that their link must end in "
            "?PROLIFIC_PID=… or ?worker=…"
        )
    )


def platform_session(parameters: Mapping[str, str]) -> PlatformSession:
    """Return the IDs of the platform in a link's parameters. Nobody is refused for them: what is no ID is left out.

    >>> platform_session({"PROLIFIC_PID": "5f3c", "STUDY_ID": "61aa", "SESSION_ID": "{{%SESSION_ID%}}"})
    PlatformSession(study_id='61aa', session_id='')
    """
    return PlatformSession(_platform_id(parameters, STUDY_PARAMETERS), _platform_id(parameters, SESSION_PARAMETERS))


def _platform_id(parameters: Mapping[str, str], names: Iterable[str]) -> str:
    values = {value.strip() for name in names for value in _values(parameters, name)} - {""}
    value = values.pop() if len(values) == 1 else ""
    is_id = len(value) <= LONGEST_PLATFORM_ID and value.isprintable() and not is_nobody(value)
    return value if is_id else ""


def _values(parameters: Mapping[str, str], name: str) -> list[str]:
    if isinstance(parameters, MultiValueDict):
        return parameters.getlist(name)
    return [parameters.get(name, "")]


def checked_id(value: str) -> str:
    """Return the ID. Raises NoParticipant if it is no valid ID, or nobody's."""
    if len(value) > LONGEST_ID or not value.isprintable():
        message = gettext("The ID in this link is invalid. An ID has at most %(n)s printable characters.")
        raise NoParticipant(message % {"n": LONGEST_ID})
    # Used as an ID, a placeholder would turn everybody in the study into one person.
    if is_nobody(value):
        message = gettext(
            "Your ID is missing from this link. The link still contains the placeholder %(placeholder)s. "
            "Please tell the researchers that the study link is set up incorrectly. Nothing was saved."
        )
        raise NoParticipant(message % {"placeholder": value})
    return value


def similar_ids(ids: Iterable[str]) -> list[list[str]]:
    """Return the groups of different IDs that differ by case or Unicode form only. They stay different people.

    >>> similar_ids(["anna", "Anna", "bert", "anna"])
    [['Anna', 'anna']]
    """
    by_form: dict[str, set[str]] = defaultdict(set)
    for each in ids:
        by_form[folded(each)].add(each)
    return [sorted(group) for group in by_form.values() if len(group) > 1]
