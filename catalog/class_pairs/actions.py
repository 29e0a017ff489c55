"""Writes of the registry of class pairs. Callers above record them among the decisions."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext

from catalog.errors import UserError
from catalog.models import ClassPair, Label, LabelSet, PairKind
from catalog.reads import now

LONGEST_PROVENANCE = 300
LONGEST_NOTE = 500


class BadPair(UserError):
    """An error: two labels, a kind and a source that make no pair."""


@transaction.atomic
def add_pair(
    *,
    label_set: LabelSet,
    first: Label,
    second: Label,
    kind: PairKind | str,
    provenance: str,
    added_by: User | None,
    note: str = "",
) -> tuple[ClassPair, bool]:
    """Add a statement about two classes, in either order. Returns (the pair, whether it is new).

    For PairKind.SUBSET, `first` is a kind of `second`. The same statement of the same source is stored once.
    Raises BadPair.
    """
    provenance, note = provenance.strip(), note.strip()
    _check(label_set, first, second, kind, provenance, note)
    low, high = sorted((first, second), key=lambda label: label.index)
    key = {"first": low, "second": high, "kind": kind, "provenance": provenance, "withdrawn_at": None}
    narrower = first if kind == PairKind.SUBSET else None
    fields = {"label_set": label_set, "narrower": narrower, "note": note, "added_by": added_by, "created_at": now()}
    pair, is_new = ClassPair.objects.get_or_create(**key, defaults=fields)
    if pair.narrower_id != (narrower and narrower.pk):
        message = gettext(
            "“%(provenance)s” says already that “%(narrower)s” is a kind of “%(wider)s”: withdraw it first"
        )
        raise BadPair(message % {"provenance": provenance, "narrower": second.name, "wider": first.name})
    return pair, is_new


@transaction.atomic
def withdraw_pair(*, pair: ClassPair) -> bool:
    """Withdraw a pair; its row stays. Returns whether it was still in force."""
    return bool(ClassPair.objects.filter(pk=pair.pk, withdrawn_at=None).update(withdrawn_at=now()))


def _check(label_set: LabelSet, first: Label, second: Label, kind: str, provenance: str, note: str) -> None:
    """Raise BadPair with the first fault."""
    if kind not in PairKind.values:
        message = gettext("“%(kind)s” is no kind of pair: write %(kinds)s")
        raise BadPair(message % {"kind": kind, "kinds": ", ".join(PairKind.values)})
    if first.pk == second.pk:
        raise BadPair(gettext("“%(name)s” cannot be paired with itself") % {"name": first.name})
    if {first.label_set_id, second.label_set_id} != {label_set.pk}:
        raise BadPair(gettext("both classes must belong to the label set %(name)s") % {"name": label_set})
    if not provenance:
        raise BadPair(gettext("the provenance is missing: name a paper, a review or a person"))
    _check_text(provenance, LONGEST_PROVENANCE)
    _check_text(note, LONGEST_NOTE)


def _check_text(text: str, most: int) -> None:
    if len(text) > most or not text.isprintable():
        message = gettext("provenance and note are on one line each, with at most %(most)s characters here")
        raise BadPair(message % {"most": most})
