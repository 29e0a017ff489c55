"""What a person asked for and cannot have, as an error of the command they gave."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

from annotation_site.demo import DemoPhotoMissing
from annotation_site.sources.wanted import NothingToImport
from annotation_site.study import Refused
from annotation_site.tables import BadTable
from candidates.actions import OtherWeights, ShortPredictions
from candidates.classifiers.interface import ClassifierError
from candidates.reads import NoPredictions
from catalog.actions import BadName, InvalidFigure, NameTaken, UnknownFigure
from catalog.label_data import LabelDataError
from catalog.reads import UnknownDataset, UnknownLabelSet
from workforce.actions import BatchClosed
from workforce.offers.actions import CannotPublish
from workforce.offers.publishing import NoKeys
from workforce.pay.actions import CannotNotify, CannotPay, CannotReject

EXPECTED = (
    BadName,
    BadTable,
    BatchClosed,
    CannotNotify,
    CannotPay,
    CannotPublish,
    CannotReject,
    ClassifierError,
    DemoPhotoMissing,
    InvalidFigure,
    LabelDataError,
    NameTaken,
    NoKeys,
    NoPredictions,
    NothingToImport,
    OtherWeights,
    Refused,
    ShortPredictions,
    UnknownDataset,
    UnknownFigure,
    UnknownLabelSet,
)


@contextmanager
def as_command_errors() -> Iterator[None]:
    """Anything else is a fault of ours and keeps its traceback."""
    try:
        yield
    except EXPECTED as error:
        raise CommandError(str(error)) from error
