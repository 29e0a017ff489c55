"""Storage of a study's reference pages."""

from collections.abc import Mapping, Sequence

from django.db import transaction

from catalog.models import Dataset, Label, ReferencePage
from catalog.references.reads import Reference


@transaction.atomic
def set_references(
    *, dataset: Dataset, references: Mapping[int, Sequence[Reference]], only: Label | None = None
) -> None:
    """Replace the pages that a study has set itself by these (by the label's id): those of one label, or all."""
    # Two people who change the same study must not mix their pages.
    Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
    former = ReferencePage.objects.filter(dataset=dataset)
    (former if only is None else former.filter(label=only)).delete()
    ReferencePage.objects.bulk_create(
        [
            ReferencePage(dataset=dataset, label_id=label_id, position=position, url=page.url, title=page.title)
            for label_id, pages in references.items()
            for position, page in enumerate(pages)
        ]
    )
