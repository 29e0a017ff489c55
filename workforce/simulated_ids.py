"""The marks of simulated people: of the worker, by its number, and of the ID in the link.

A number tells for itself: no query, file or page can leave a column out and show them as people. They get theirs from
`workforce.simulated.actions.enrol`; nobody becomes one by a link.
"""

from django.utils.translation import gettext

from workforce.recruitment_links import NoParticipant

# Numbers of real people come from a sequence that never gets here.
FIRST_SIMULATED = 2**40
# Of the ID in the link, and of the pseudonym in files, in REST and on pages.
PREFIX = "simulated-"


def is_simulated(worker_id: int) -> bool:
    """Return whether a worker of this number is simulated.

    >>> is_simulated(FIRST_SIMULATED), is_simulated(17)
    (True, False)
    """
    return worker_id >= FIRST_SIMULATED


def check_is_of_a_person(participant: str) -> None:
    """Refuse a new ID that looks like that of a simulated person: it would become a real worker.

    Simulated people are enrolled before they come; those that were removed stay away. Raises NoParticipant.
    """
    if participant.startswith(PREFIX):
        message = gettext("IDs that begin with “%(prefix)s” belong to simulated people. Use another ID.")
        raise NoParticipant(message % {"prefix": PREFIX})
