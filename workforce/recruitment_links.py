"""Marketplaces that send people to an address of ours: Prolific, CloudResearch Connect, SONA, a lab's own list.

They vouch for nobody: the id in the address is taken as it comes, and a batch pays by completion code.
"""

import re
from collections.abc import Mapping

from catalog.errors import UserError

# The names under which these marketplaces put a participant's id into the address; the first present counts.
PARTICIPANT_PARAMETERS = ("PROLIFIC_PID", "participantId", "survey_code", "worker", "workerId")
LONGEST_ID = 200
# As Prolific wants them in a study's address: it puts the participant's, the study's and the session's id there.
PROLIFIC_QUERY = "PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}"
# {{%PROLIFIC_PID%}} of Prolific, %SURVEY_CODE% of SONA, ${e://Field/PROLIFIC_PID} of survey tools.
PLACEHOLDER = re.compile(r"\{\{|\}\}|\$\{|%[^%]+%")


class NoParticipant(UserError):
    """The address names nobody, or somebody impossible."""


def external_id(parameters: Mapping[str, str]) -> str:
    """The participant's id from the parameters of an address.

    >>> external_id({"PROLIFIC_PID": "5f3c", "STUDY_ID": "61aa", "SESSION_ID": "77"})
    '5f3c'
    """
    for name in PARTICIPANT_PARAMETERS:
        value = parameters.get(name, "").strip()
        if value:
            return _checked(value)
    raise NoParticipant(
        "This address does not say who you are. Open the study again from the place that sent you here; "
        "the address must end in ?PROLIFIC_PID=… or ?worker=…"
    )


def _checked(value: str) -> str:
    if len(value) > LONGEST_ID or not value.isprintable():
        raise NoParticipant(
            f"The participant id in this address is not one: it has at most {LONGEST_ID} printable characters."
        )
    # Taken as an id, it would make one person of everybody whom the study sends.
    if PLACEHOLDER.search(value):
        raise NoParticipant(
            f"Where your participant id should stand, this address has the placeholder {value}, which nobody filled "
            "in. Please tell the researcher that the study's address is set up wrongly. Nothing was stored."
        )
    return value
