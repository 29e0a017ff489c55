"""The queue of disputes of a review, and the discussion of an item: its reviewers' verdicts, comments, decisions."""

from collections import Counter
from collections.abc import Callable

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext

from catalog.errors import UserError
from catalog.guide.pages import guide_beside
from dashboard.consensus.reads import FILTERS, item_named, items_shown, other_labels, settled_before
from dashboard.mistakes.reads import mistakes_shown
from dashboard.pages import researcher, staff_page
from dashboard.subjects import permission_of_item, permission_of_review, study_of_item, study_of_review
from review_task.blinding.reads import image_handle
from review_task.consensus.actions import add_comment, reopen, settle
from review_task.consensus.discussions.reads import discussion_of
from review_task.consensus.reads import Decision, Standing, next_dispute, queue_of, tally_for
from review_task.models import Item, MistakeCategory, Review, Severity

ITEMS_PER_PAGE = 24
LONGEST_NUMBER = 18


def _review(pk: int) -> Review:
    return get_object_or_404(Review.objects.select_related("batch__dataset__label_set"), pk=pk)


@staff_page("GET", may=permission_of_review, of=study_of_review)
def queue(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the items that the reader may discuss: those in dispute, settled ones, or those agreed on since."""
    review, standing = _review(pk), request.GET.get("show", Standing.OPEN)
    if standing not in FILTERS:
        raise Http404
    tallies = queue_of(review, researcher(request))
    counts = Counter(tally.standing for tally in tallies)
    shown = [tally for tally in tallies if tally.standing == standing]
    page = Paginator(shown, ITEMS_PER_PAGE).get_page(request.GET.get("page", "1"))
    context = {
        "dataset": review.batch.dataset,
        "tab": "review",
        "review": review,
        "standing": standing,
        "filters": [(key, words, counts[key]) for key, words in FILTERS.items()],
        "page": page,
        "items": items_shown(page),
        "extra": f"{urlencode({'show': standing})}&",
        "settled": settled_before(review, request.GET.get("settled", ""), researcher(request)),
    }
    return render(request, "dashboard/consensus/queue.html", context)


@staff_page("GET", may=permission_of_review, of=study_of_review)
def following(request: HttpRequest, pk: int) -> HttpResponse:
    """Lead to the next open dispute: after the item that the address names, or the first."""
    review = _review(pk)
    after = Item.objects.filter(public_id=request.GET.get("after", ""), page__review=review).first()
    return _next(request, review, after)


def _next(request: HttpRequest, review: Review, after: Item | None, settled: bool = False) -> HttpResponse:
    item = next_dispute(review, researcher(request), after)
    address = reverse("discussion", args=[item.public_id]) if item else reverse("consensus", args=[review.pk])
    ending = f"?{urlencode({'settled': after.public_id})}" if settled and after is not None else ""
    return redirect(f"{address}{ending}")


@staff_page("GET", may=permission_of_item, of=study_of_item)
def discussion(request: HttpRequest, public_id: str) -> HttpResponse:
    item, user = item_named(public_id), researcher(request)
    tally = tally_for(item, user)
    if tally is None:
        raise Http404
    review = item.page.review
    context = {
        "dataset": review.batch.dataset,
        "tab": "review",
        "review": review,
        "discussion": discussion_of(item, tally, user),
        "others": other_labels(item),
        "handle": image_handle(item.page, item.image),
        "beside": guide_beside(review.batch.dataset, item.label),
        "categories": MistakeCategory.values,
        "severities": Severity.values,
        "settled": settled_before(review, request.GET.get("settled", ""), user),
        "mistake": mistakes_shown(review, [item.pk])[0] if review.stage == Review.Stage.MISTAKES else None,
    }
    return render(request, "dashboard/consensus/discussion.html", context)


@staff_page("POST", may=permission_of_item, of=study_of_item)
def settle_item(request: HttpRequest, public_id: str) -> HttpResponse:
    """Settle an item, and lead to the next dispute."""
    item = item_named(public_id)
    decision = _decision(request)
    done = _do(request, lambda: settle(item=item, user=researcher(request), decision=decision, last=_last(request)))
    return _next(request, item.page.review, item, settled=True) if done else _back(request, item)


def _decision(request: HttpRequest) -> Decision:
    """Return what a form decides. A category in words comes before one of the list; both hold for mistakes alone."""
    verdict = request.POST.get("verdict", "")
    if verdict != "wrong":
        return Decision(verdict)
    category = request.POST.get("other_category", "").strip() or request.POST.get("category", "")
    return Decision(verdict, category, request.POST.get("severity", ""))


@staff_page("POST", may=permission_of_item, of=study_of_item)
def open_again(request: HttpRequest, public_id: str) -> HttpResponse:
    item = item_named(public_id)
    if _do(request, lambda: reopen(item=item, user=researcher(request), last=_last(request))):
        messages.success(request, gettext("Open again."))
    return _back(request, item)


@staff_page("POST", may=permission_of_item, of=study_of_item)
def comment(request: HttpRequest, public_id: str) -> HttpResponse:
    item = item_named(public_id)
    _do(request, lambda: add_comment(item=item, user=researcher(request), words=request.POST.get("words", "")))
    return _back(request, item)


def _do(request: HttpRequest, action: Callable[[], object]) -> bool:
    try:
        action()
    except UserError as error:
        messages.error(request, error.for_page)
        return False
    return True


def _last(request: HttpRequest) -> int | None:
    text = request.POST.get("last", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER else None


def _back(request: HttpRequest, item: Item) -> HttpResponse:
    """Lead to the discussion of an item; where there is none for the reader, to the queue."""
    if tally_for(item, researcher(request)) is None:
        return redirect("consensus", item.page.review_id)
    return redirect("discussion", item.public_id)
