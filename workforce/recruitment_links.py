"""Links for recruitment sites that send people to the study: Prolific, CloudResearch Connect, SONA, a lab's own list.

These sites do not verify anybody: the ID in the link is used as it is, and a completion code leads to the payment.
"""

import re
from collections.abc import Mapping

from django.utils.translation import gettext

from catalog.errors import UserError

# Parameters in which these sites put the participant's ID; the first one present counts.
PARTICIPANT_PARAMETERS = ("PROLIFIC_PID", "participantId", "survey_code", "worker", "workerId")
LONGEST_ID = 200
# Prolific replaces these placeholders by the IDs of the participant, the study and the session.
PROLIFIC_QUERY = "PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}"
# {{%PROLIFIC_PID%}} of Prolific, %SURVEY_CODE% of SONA, ${e://Field/PROLIFIC_PID} of survey tools.
PLACEHOLDER = re.compile(r"\{\{|\}\}|\$\{|%[^%]+%")


class NoParticipant(UserError):
    """A link without a participant's ID, or with an invalid one."""


def external_id(parameters: Mapping[str, str]) -> str:
    """Return the participant's ID from the parameters of a link. Raises NoParticipant.

    >>> external_id({"PROLIFIC_PID": "5f3c", "STUDY_ID": "61aa", "SESSION_ID": "77"})
    '5f3c'
    """
    for name in PARTICIPANT_PARAMETERS:
        value = parameters.get(name, "").strip()
        if value:
            return _checked(value)
    raise NoParticipant(
        gettext(
            "Your ID is missing from this link. Open the study again from the site that sent you "
            "here. If that does not help, tell the researchers that their link must end in "
            "?PROLIFIC_PID=… or ?worker=…"
        )
    )


def _checked(value: str) -> str:
    if len(value) > LONGEST_ID or not value.isprintable():
        message = gettext("The ID in this link is invalid. An ID has at most %(n)s printable characters.")
        raise NoParticipant(message % {"n": LONGEST_ID})
    # Used as an ID, a placeholder would turn everybody in the study into one person.
    if PLACEHOLDER.search(value):
        message = gettext(
            "Your ID is missing from this link. The link still contains the placeholder %(placeholder)s. "
            "Please tell the researchers that the study link is set up incorrectly. Nothing was saved."
        )
        raise NoParticipant(message % {"placeholder": value})
    return value
