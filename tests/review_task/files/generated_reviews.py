"""Reviews of made-up people, from a seed: whatever a review may hold, in all combinations."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from review_task.files.rows import (
    CommentRow,
    ConsensusRow,
    FurtherLabelRow,
    ItemRow,
    PageRow,
    ProblemRow,
    ReviewerRow,
    ReviewLog,
    ReviewRow,
    VerdictRow,
)

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
VERDICTS = ("correct", "wrong", "unclear", "dontknow", "unreviewed")


def generated_log(seed: int, n_pages: int = 3, n_images: int = 3) -> ReviewLog:
    """Return a review of `n_pages` classes with `n_images` each, by three people, some of whom took part in all."""
    chance = Random(seed)
    log = ReviewLog(
        ReviewRow(f"Review {seed}", "first", chance.randint(1, 3), seed, None, None, ["a screenshot", "“own”"])
    )
    moments = (BEGIN + timedelta(seconds=second, microseconds=seed) for second in range(100_000))
    pages = [None, *chance.sample(range(1000), n_pages - 1)]
    log.pages += [PageRow(number, label) for number, label in enumerate(pages)]
    for page in log.pages:
        for image in range(n_images):
            name = f"{page.page}/é {image}.jpg"
            labels = sorted(chance.sample(range(1000), chance.randint(1, 4)))
            origins = [chance.choice(("models", "dataset", "people", "seeded")) for _ in labels]
            log.items += [
                ItemRow(page.page, name, page.page_label, label, 0 if origin in ("dataset", "people") else 5, origin)
                for label, origin in zip(labels, origins, strict=True)
            ]
        for person in ("ann", "bob", "cleo"):
            if chance.random() < 0.8:
                state = chance.choice(("confirmed", "confirmed", "excluded"))
                log.reviewers.append(ReviewerRow(page.page, person, state, next(moments).isoformat()))
    for row in log.reviewers:
        _say(log, row, chance, moments)
    return log


def _say(log, reviewer, chance, moments) -> None:
    items = [item for item in log.items if item.page == reviewer.page]
    for item in chance.choices(items, k=2 * len(items)):
        place, person = (item.page, item.image), reviewer.reviewer
        log.verdicts.append(
            VerdictRow(*place, item.label, person, chance.choice(VERDICTS), "", "", next(moments).isoformat())
        )
        if chance.random() < 0.2:
            reason = chance.choice(("label", "drawing", "edited", "inappropriate", "a screenshot"))
            log.problems.append(ProblemRow(*place, person, reason, chance.random() < 0.7, next(moments).isoformat()))
        if chance.random() < 0.2:
            label = chance.choice((None, 7, 8))
            words = "" if label else chance.choice(("a fez", '=1+1 "quoted"'))
            log.further_labels.append(
                FurtherLabelRow(*place, person, label, words, chance.random() < 0.7, next(moments).isoformat())
            )
        if chance.random() < 0.2:
            log.comments.append(CommentRow(*place, item.label, person, "See its\nears.", next(moments).isoformat()))
        if chance.random() < 0.2:
            verdict = chance.choice(("correct", "wrong", "unclear", "unreviewed"))
            log.consensus.append(ConsensusRow(*place, item.label, person, verdict, "", "", next(moments).isoformat()))


def renamed(log: ReviewLog) -> ReviewLog:
    """Return a log whose people are named by the order in which they take part: pseudonyms differ by dataset."""
    names = {name: f"person {n}" for n, name in enumerate(dict.fromkeys(row.reviewer for row in log.reviewers))}
    said = {
        name: [replace(row, reviewer=names[row.reviewer]) for row in getattr(log, name)]
        for name in ("reviewers", "verdicts", "problems", "further_labels", "comments", "consensus")
    }
    return ReviewLog(log.review, log.pages, log.items, **said)
