"""Downloads of reviews: all that was asked and said, or the label sets as one document."""

from collections.abc import Iterator

from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header

from access.permissions.reads import May
from audit.actions import Area, record_use
from dashboard.pages import staff_page
from dashboard.subjects import study_of_review
from data_export.reads import one_snapshot
from data_export.reviews.reads import FORMATS, review_to_export, written_review
from review_task.blinding.reads import is_blinded

CONTENT_TYPES = {"json": "application/json", "jsonl": "application/jsonl; charset=utf-8"}


def permission_for(format: str, **rest: object) -> May:
    """Return the permission that a format needs: what each reviewer said needs that of votes."""
    if format not in FORMATS:
        raise Http404
    return May.READ_ANNOTATIONS if format == "json" else May.READ_VOTES


@staff_page("GET", may=permission_for, of=study_of_review)
def review_file(request: HttpRequest, pk: int, format: str) -> StreamingHttpResponse:
    review = review_to_export(pk)
    if format != "json" and is_blinded(review):
        raise Http404
    dataset = review.batch.dataset
    if request.method != "HEAD":
        after = {"format": format}
        record_use(area=Area.EXPORT, action="review.export", subject=f"review “{review}” of {dataset}", after=after)
    response = StreamingHttpResponse(_portions(pk, format), content_type=CONTENT_TYPES[format])
    name = f"{dataset.name}-review-{pk}.{format}"
    response.headers["Content-Disposition"] = content_disposition_header(True, name)
    return response


def _portions(pk: int, format: str) -> Iterator[bytes]:
    with one_snapshot():
        yield from (text.encode() for text in written_review(review_to_export(pk), format))
