"""Catalogs of translated texts are compiled where no msgfmt is installed, when they changed, and named when damaged."""

import gettext
import os
from pathlib import Path

import pytest

from launcher.catalogs import compile_catalogs
from launcher.places import PlaceError

HEAD = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

"""
TEXTS = """msgid "Select"
msgstr "Auswählen"

msgid "%(n)s image"
msgid_plural "%(n)s images"
msgstr[0] "%(n)s Bild"
msgstr[1] "%(n)s Bilder"
"""


@pytest.fixture
def catalog(tmp_path) -> Path:
    path = tmp_path / "locale" / "de" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True)
    path.write_text(HEAD + TEXTS)
    return path


def texts_of(catalog: Path) -> gettext.GNUTranslations:
    with open(catalog.with_suffix(".mo"), "rb") as compiled:
        return gettext.GNUTranslations(compiled)


def test_a_catalog_is_compiled_with_its_plurals(catalog, tmp_path):
    assert compile_catalogs(tmp_path) == [catalog.with_suffix(".mo")]
    texts = texts_of(catalog)
    assert texts.gettext("Select") == "Auswählen"
    assert [texts.ngettext("%(n)s image", "%(n)s images", n) for n in (1, 2)] == ["%(n)s Bild", "%(n)s Bilder"]


def test_only_a_catalog_that_changed_is_compiled_again(catalog, tmp_path):
    compile_catalogs(tmp_path)
    assert compile_catalogs(tmp_path) == []
    catalog.write_text(HEAD + TEXTS.replace("Auswählen", "Wählen"))
    later = catalog.with_suffix(".mo").stat().st_mtime + 1
    os.utime(catalog, (later, later))
    assert compile_catalogs(tmp_path) == [catalog.with_suffix(".mo")]
    assert texts_of(catalog).gettext("Select") == "Wählen"
    assert sorted(path.name for path in catalog.parent.iterdir()) == ["django.mo", "django.po"]


@pytest.mark.parametrize("damage", ["msgid Select\n", 'msgid "a"\nmsgid "b"\n"', "<<<<<<< ours\n", b"\xff\xfe\x00"])
def test_a_damaged_catalog_is_named_and_the_compiled_one_stays(catalog, tmp_path, damage):
    compile_catalogs(tmp_path)
    catalog.write_bytes(damage if isinstance(damage, bytes) else (HEAD + damage).encode())
    later = catalog.with_suffix(".mo").stat().st_mtime + 1
    os.utime(catalog, (later, later))
    with pytest.raises(PlaceError, match="django.po cannot be compiled"):
        compile_catalogs(tmp_path)
    assert texts_of(catalog).gettext("Select") == "Auswählen"


def test_without_catalogs_there_is_nothing_to_do(tmp_path):
    assert compile_catalogs(tmp_path) == []
