"""Errors of reviews, for people."""

from catalog.errors import UserError


class NoSeat(UserError):
    """A class that has all reviewers it needs."""


class NotAssigned(UserError):
    """A class that is assigned to other people."""


class ReviewClosed(UserError):
    """A closed review: it takes no verdicts and no further predictions."""


class NotAReviewer(UserError):
    """A person whose role in the study is not to review."""


class NoName(UserError):
    """A group of reviewers without a name."""


class NotOnPage(UserError):
    """An item or image of another page."""


class BadVerdict(UserError):
    """A verdict, category or severity that the review does not know."""


class NothingToReview(UserError):
    """A review without any prediction or label."""


class NoFurtherLabels(UserError):
    """A blind review, to which labels are added: where they stand would tell that they are new."""


class UnknownReview(UserError):
    """A number of no review."""


class BadReview(UserError):
    """Figures that make no review."""
