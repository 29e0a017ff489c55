"""The labels on the page of a class. There are hundreds, so their template is rendered once and filled for each."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, cast

from django import template
from django.template import Context
from django.template.loader import get_template
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, ngettext

from review_task.models import Review, VerdictValue
from review_task.reads import ItemRow

register = template.Library()

PLACE = re.compile(r"\[\[(\w+)\]\]")
PLACES = ("id", "index", "name", "words", "gloss", "models", "verdict", "category", "severity", "why")
SOME_INDEX = 987654321


@register.simple_tag(takes_context=True)
def review_items(context: Context, items: Iterable[ItemRow]) -> SafeString:
    """Render the labels of an image."""
    review: Review = context["review"]
    skeleton = _skeleton(review.pk, bool(context["obstacle"]), get_language() or "")
    why = get_template("dashboard/review/why.html") if review.stage == Review.Stage.MISTAKES else None
    parts = []
    for item in items:
        values = _values(item)
        values["why"] = why.render(cast(Any, context.flatten()) | {"item": item}) if why else ""
        parts.append(format_html(skeleton, **values))
    return format_html_join("", "{}", ((part,) for part in parts))


@lru_cache(maxsize=256)
def _skeleton(review: int, is_closed: bool, language: str) -> str:
    """Return the template of a label as a format for `format_html`, which escapes what fills it."""
    address = reverse("review-label", args=[review, SOME_INDEX]).replace(str(SOME_INDEX), "[[index]]")
    context: dict[str, Any] = {name: f"[[{name}]]" for name in (*PLACES, *VerdictValue.values)}
    context |= {"obstacle": is_closed, "about_address": address}
    page = get_template("dashboard/review/item.html").render(context)
    return PLACE.sub(r"{\1}", page.replace("{", "{{").replace("}", "}}"))


def _values(item: ItemRow) -> dict[str, Any]:
    label = item.label
    values: dict[str, Any] = {"id": item.public_id, "index": label.index, "name": label.name, "words": label.words}
    values |= {"gloss": label.gloss, "verdict": item.verdict, "category": item.category, "severity": item.severity}
    values["models"] = _models(item.n_models)
    checked = {str(value): " checked" if value == item.verdict else "" for value in VerdictValue.values}
    return values | checked


def _models(n_models: int | None) -> str:
    if n_models is None:
        return ""
    if not n_models:
        return gettext("dataset’s label")
    return ngettext("%(n)s model", "%(n)s models", n_models) % {"n": n_models}
