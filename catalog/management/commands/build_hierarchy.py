"""`./manage build_hierarchy DATA_NOUN`: make the data file of the synsets above the ImageNet classes."""

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext, ngettext

from catalog.label_data import HIERARCHY_FILE, LabelDataError, encode_hierarchy, imagenet_classes
from catalog.wordnet import Synset, WordNetError, hypernym_closure, read_synsets


class Command(BaseCommand):
    help = (
        "Make catalog/data/wordnet_hierarchy.json.gz, the synsets above the 1,000 ImageNet classes, "
        "from data.noun of WordNet 3.0 (Debian: package wordnet-base, /usr/share/wordnet/data.noun)."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("data_noun", type=Path, metavar="DATA_NOUN", help="WordNet 3.0's data.noun")
        parser.add_argument("--output", type=Path, default=HIERARCHY_FILE, help="default: %(default)s")

    def handle(self, *args: Any, data_noun: Path, output: Path, **options: Any) -> None:
        synsets = closure_of_classes(data_noun)
        packed = encode_hierarchy(synsets)
        try:
            write_whole(output, packed)
        except OSError as error:
            raise CommandError(
                gettext("%(file)s cannot be written: %(reason)s. Name another file with --output.")
                % {"file": output, "reason": error.strerror}
            ) from error
        written = ngettext(
            "Wrote %(n)s synset to %(file)s (%(n_bytes)s bytes).",
            "Wrote %(n)s synsets to %(file)s (%(n_bytes)s bytes).",
            len(synsets),
        )
        self.stdout.write(written % {"n": f"{len(synsets):,}", "file": output, "n_bytes": f"{len(packed):,}"})


def closure_of_classes(data_noun: Path) -> list[Synset]:
    try:
        with data_noun.open(encoding="utf-8") as lines:
            return hypernym_closure(read_synsets(lines), [wnid for wnid, _ in imagenet_classes()])
    except OSError as error:
        raise CommandError(
            gettext("%(file)s cannot be read: %(reason)s.") % {"file": data_noun, "reason": error.strerror}
        ) from error
    except UnicodeDecodeError as error:
        raise CommandError(
            gettext("%(file)s is not text: name the unpacked data.noun of WordNet 3.0.") % {"file": data_noun}
        ) from error
    except WordNetError as error:
        raise CommandError(f"{data_noun}: {error}.") from error
    except LabelDataError as error:
        raise CommandError(error.for_shell) from error


def write_whole(output: Path, content: bytes) -> None:
    """Write a file whole: an interruption leaves the old file as it was."""
    unfinished = output.with_name(output.name + ".unfinished")
    unfinished.write_bytes(content)
    os.replace(unfinished, output)
