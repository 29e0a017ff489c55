"""The verdicts of a reviewer on a class page, for researchers."""

from collections import defaultdict
from typing import Any

from django.utils.translation import gettext_lazy

from review_task.models import Verdict, VerdictValue
from workforce.models import Submission

NAMES = {
    VerdictValue.CORRECT.value: gettext_lazy("correct"),
    VerdictValue.WRONG.value: gettext_lazy("wrong"),
    VerdictValue.UNCLEAR.value: gettext_lazy("unclear"),
    VerdictValue.DONT_KNOW.value: gettext_lazy("don’t know"),
}


def answer_shown(hit_id: int, submission: Submission | None) -> dict[str, Any]:
    """Return the last verdict on each item of a page, by image in the order of the page, to show them."""
    verdicts = Verdict.objects.filter(submission=submission).select_related("item__label", "image")
    last = {verdict.item_id: verdict for verdict in verdicts.order_by("pk")}
    by_image = defaultdict(list)
    for verdict in sorted(last.values(), key=lambda verdict: verdict.item.position):
        if verdict.verdict in NAMES:
            by_image[verdict.image].append({"label": verdict.item.label, "name": NAMES[verdict.verdict]})
    return {"images": [{"image": image, "verdicts": rows} for image, rows in by_image.items()]}
