"""The life of a HIT as a pure function of its counts and the time."""

ASSIGNABLE, UNASSIGNABLE, REVIEWABLE, REVIEWING, DISPOSED = (
    "Assignable",
    "Unassignable",
    "Reviewable",
    "Reviewing",
    "Disposed",
)


def next_status(status: str, *, n_available: int, n_pending: int, expired: bool) -> str:
    """Return the status that follows from the counts.

    A HIT is Reviewable when every assignment is submitted, or when it has expired and no assignment is in progress.
    After further assignments or a later expiration it is Assignable again. Disposed is final.

    >>> next_status(ASSIGNABLE, n_available=0, n_pending=1, expired=False)
    'Unassignable'
    >>> next_status(UNASSIGNABLE, n_available=2, n_pending=0, expired=True)
    'Reviewable'
    """
    if status == DISPOSED:
        return DISPOSED
    if n_pending == 0 and (n_available == 0 or expired):
        return status if status == REVIEWING else REVIEWABLE
    return UNASSIGNABLE if expired or n_available == 0 else ASSIGNABLE
