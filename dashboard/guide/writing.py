"""Pages on which people write the labelling guide. They need no script: what was typed comes back with each answer."""

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext

from access.permissions.reads import May
from catalog.errors import UserError
from catalog.guide.actions import EditedMeanwhile
from catalog.guide.checks.reads import LONGEST_TITLE, MOST_LABELS
from catalog.guide.differences.reads import differences
from catalog.guide.pages import view_of
from catalog.guide.reads import Content, content_of, labels_of, latest_versions
from catalog.models import Dataset, GuideEntry, Image
from catalog.reads import label_lookup
from dashboard.guide.forms import FREE_ROWS, Draft, EntryForm, draft_in, initial_of, number_in
from dashboard.guide.lists import guides_to_share
from dashboard.guide.views import entry_or_404
from dashboard.pages import dataset_or_404, researcher, staff_page, takes_bodies_up_to
from data_import.small_uploads.actions import MOST_BYTES_OF_A_FORM
from studies.guide.actions import add_image, add_picture, reinstate, restore, use_guide_of, withdraw, write_entry

LONGEST_REASON = 300


@takes_bodies_up_to(lambda: MOST_BYTES_OF_A_FORM)
@staff_page("GET", "POST", may=May.WRITE_GUIDE, of=dataset_or_404)
def new(request: HttpRequest, name: str) -> HttpResponse:
    """Write a new entry. The address may name its classes: ?class=1&class=2."""
    dataset = dataset_or_404(name)
    if request.method == "POST":
        return _sent(request, dataset, None)
    numbers = map(number_in, request.GET.getlist("class")[:MOST_LABELS])
    labels = labels_of(dataset, (number for number in numbers if number is not None))
    title = " / ".join(label.name for label in labels.values())[:LONGEST_TITLE].strip()
    return _form_page(request, dataset, None, Draft(Content(title, tuple(labels))))


@takes_bodies_up_to(lambda: MOST_BYTES_OF_A_FORM)
@staff_page("GET", "POST", may=May.WRITE_GUIDE, of=dataset_or_404)
def edit(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    """Write a new version of an entry."""
    dataset = dataset_or_404(name)
    entry = entry_or_404(dataset, pk)
    if request.method == "POST":
        return _sent(request, dataset, entry)
    latest = latest_versions([entry])[entry.pk]
    return _form_page(request, dataset, entry, Draft(content_of(latest), latest.number))


def _sent(request: HttpRequest, dataset: Dataset, entry: GuideEntry | None) -> HttpResponse:
    """Save what was sent, or show it again: as a preview, with more rows, or with the reason why it was not saved."""
    form = EntryForm(request.POST, request.FILES, find=label_lookup(dataset.label_set))
    form.is_valid()
    draft = _with_pictures(request, dataset, form, draft_in(form, request.POST))
    act = request.POST.get("act", "save")
    if form.errors or act != "save":
        draft = replace(draft, n_rows=FREE_ROWS * (2 if act == "rows" else 1))
        return _form_page(request, dataset, entry, draft, form, preview=not form.errors and act == "preview")
    try:
        version, is_new = write_entry(
            dataset=dataset,
            content=draft.content,
            by=researcher(request),
            entry=entry,
            based_on=draft.based_on,
            note=draft.note,
        )
    except EditedMeanwhile as meanwhile:
        return _conflict(request, dataset, draft, form, meanwhile)
    except UserError as error:
        form.add_error(None, error.for_page)
        return _form_page(request, dataset, entry, draft, form)
    words = gettext("Version %(number)s saved.") if is_new else gettext("No change: this is version %(number)s.")
    messages.success(request, words % {"number": version.number})
    return redirect("guide-entry", version.entry_id, dataset.name)


def _with_pictures(request: HttpRequest, dataset: Dataset, form: EntryForm, draft: Draft) -> Draft:
    """Store the picture that came with a form, whatever else is wrong with it: a browser would not send it again."""
    upload, name = form.cleaned_data.get("picture"), form.cleaned_data.get("image", "").strip()
    try:
        if upload is not None:
            stored = add_picture(dataset=dataset, content=upload.read(), by=researcher(request))
            draft = draft.with_picture(stored.public_id)
    except UserError as error:
        form.add_error("picture", error.for_page)
    if not name:
        return draft
    try:
        image = Image.objects.filter(dataset=dataset, name=name).first()
        if image is None:
            raise UserError(gettext("This study has no image of that name."))
        return draft.with_picture(add_image(dataset=dataset, image=image, by=researcher(request)).public_id)
    except UserError as error:
        form.add_error("image", error.for_page)
        return draft


def _conflict(
    request: HttpRequest, dataset: Dataset, draft: Draft, form: EntryForm, meanwhile: EditedMeanwhile
) -> HttpResponse:
    """Show both texts. The next save is based on the other one, which its author has seen by then."""
    theirs = meanwhile.version
    content = content_of(theirs)
    names = {label.index: label.name for label in labels_of(dataset, (*content.labels, *draft.content.labels)).values()}
    sections = differences(content, draft.content, lambda index: names.get(index, str(index)))
    further: dict[str, Any] = {
        "meanwhile": meanwhile.for_page,
        "theirs": view_of(dataset, content, theirs),
        "sections": [section for section in sections if section.is_changed],
    }
    draft = replace(draft, based_on=theirs.number)
    return _form_page(request, dataset, theirs.entry, draft, form, status=409, **further)


def _form_page(
    request: HttpRequest,
    dataset: Dataset,
    entry: GuideEntry | None,
    draft: Draft,
    form: EntryForm | None = None,
    *,
    preview: bool = False,
    status: int = 200,
    **further: Any,
) -> HttpResponse:
    view = view_of(dataset, draft.content)
    fresh = EntryForm(
        initial=initial_of(draft, view.labels) | {"note": draft.note}, find=label_lookup(dataset.label_set)
    )
    context = {
        "dataset": dataset,
        "tab": "guide",
        "entry": entry,
        "draft": draft,
        "view": view,
        # Faults are shown at what was typed; without any, the fields are filled in anew.
        "form": form if form is not None and form.errors else fresh,
        "preview": preview,
        "address": reverse("guide-edit", args=[entry.pk, dataset.name])
        if entry
        else reverse("guide-new", args=[dataset.name]),
        **further,
    }
    status = 422 if form is not None and form.errors else status
    return render(request, "dashboard/guide/write.html", context, status=status)


@staff_page("POST", may=May.WRITE_GUIDE, of=dataset_or_404)
def restore_entry(request: HttpRequest, name: str, pk: int, number: int) -> HttpResponse:
    """Save an older version as a new one."""
    dataset = dataset_or_404(name)
    entry = entry_or_404(dataset, pk)
    get_object_or_404(entry.versions, number=number)
    based_on = number_in(request.POST.get("based_on", "")) or 0
    try:
        version, _ = restore(dataset=dataset, entry=entry, number=number, by=researcher(request), based_on=based_on)
        words = gettext("Version %(old)s is restored as version %(new)s.")
        messages.success(request, words % {"old": number, "new": version.number})
    except EditedMeanwhile as meanwhile:
        words = gettext("%(person)s saved version %(number)s meanwhile. Look at it first; nothing was changed.")
        values = {"person": meanwhile.version.written_by or gettext("Somebody"), "number": meanwhile.version.number}
        messages.error(request, words % values)
        return redirect("guide-versions", pk, name)
    except UserError as error:
        messages.error(request, error.for_page)
    return redirect("guide-entry", pk, name)


@staff_page("POST", may=May.WRITE_GUIDE, of=dataset_or_404)
def about(request: HttpRequest, name: str, pk: int, act: str) -> HttpResponse:
    """Withdraw an entry, or put it back."""
    dataset = dataset_or_404(name)
    entry = entry_or_404(dataset, pk)
    if act not in ("withdraw", "reinstate"):
        raise Http404
    try:
        if act == "withdraw":
            reason = request.POST.get("reason", "").strip()[:LONGEST_REASON]
            messages.success(request, withdraw(dataset=dataset, entry=entry, reason=reason))
        else:
            messages.success(request, reinstate(dataset=dataset, entry=entry))
    except EditedMeanwhile as meanwhile:
        words = gettext("These classes have another entry by now: “%(title)s”. Withdraw it first, or edit it.")
        messages.error(request, words % {"title": meanwhile.version.title})
    return redirect("guide-entry", pk, name)


@staff_page("POST", may=May.EDIT_STUDY, of=dataset_or_404)
def share(request: HttpRequest, name: str) -> HttpResponse:
    """Let the study use the guide of another study that the person edits, too."""
    dataset = dataset_or_404(name)
    chosen = request.POST.get("study", "")
    other = next((row for row in guides_to_share(dataset, researcher(request)) if row.name == chosen), None)
    if other is None:
        messages.error(request, gettext("Choose a study of the list. A study with entries keeps its guide."))
    else:
        messages.success(request, use_guide_of(dataset=dataset, other=other))
    return redirect("guide", name)
