"""Checks before a worker accepts a HIT in a marketplace's frame."""

from django.utils.translation import gettext, gettext_lazy

from catalog.errors import UserError
from workforce.frame.ids import FrameVisit
from workforce.frame.reads import frame_offers, share_is_confirmed
from workforce.frame.statements import Standing, standing_statement
from workforce.models import HIT, Worker

# Nobody has this id.
NOBODY = 0
WRONG_HIT = gettext_lazy("This link belongs to another task. Open the task again from the marketplace.")


class WrongHIT(UserError):
    """A URL that names another HIT of the marketplace."""


class NotYetPublished(UserError):
    """A HIT that the marketplace offers under an id that is not stored yet."""


class HITClosed(UserError):
    """A HIT that needs no more answers."""


class AlreadyAnswered(UserError):
    """A worker who answered the HIT in another assignment, or has done as many HITs as allowed."""


def checked_standing(hit: HIT, visit: FrameVisit, worker: Worker | None) -> Standing:
    """Return the standing of a worker, None for an unknown one. Raises an error if they may not accept the HIT."""
    worker_id = NOBODY if worker is None else worker.pk
    key = {"hit": hit.pk, "batch": hit.batch_id, "worker": worker_id, "external_hit": visit.hit_id}
    standing = Standing(*standing_statement(frame_offers()).only_row(key))
    _check_hit(hit, standing)
    _check_worker(hit, worker, standing)
    return standing


def _check_hit(hit: HIT, standing: Standing) -> None:
    if not standing.is_known_hit:
        if frame_offers().is_being_published(hit):
            raise NotYetPublished(gettext("This task was published just now. This page reloads automatically."))
        raise WrongHIT(str(WRONG_HIT))
    if hit.closed_at is not None or hit.batch.closed_at is not None:
        raise HITClosed(
            gettext(
                "This task no longer accepts answers. Please return this task. Returning it does not "
                "affect your account."
            )
        )


def _check_worker(hit: HIT, worker: Worker | None, standing: Standing) -> None:
    # In another HIT of the marketplace that asks the same. Unconfirmed answers keep nobody away: they may come from
    # somebody else with the worker's ID.
    if standing.has_answered:
        raise AlreadyAnswered(
            gettext("You have already answered this task. Please return it. Returning it does not affect your account.")
        )
    if standing.answered_former:
        raise AlreadyAnswered(
            gettext(
                "You have already seen these photographs. Please return this task. "
                "Returning it does not affect your account."
            )
        )
    # A HIT that they hold, they may finish.
    if standing.is_barred and not standing.has_lease:
        raise AlreadyAnswered(
            gettext(
                "There are no more of these tasks for you. Thank you for your work. Please return this task. "
                "Returning it does not affect your account."
            )
        )
    if worker is not None and share_is_confirmed(hit.batch, worker):
        raise AlreadyAnswered(
            gettext(
                "You have completed the maximum number of these tasks. Thank you. Please return this "
                "task. Returning it does not affect your account."
            )
        )
