"""Marked texts are extracted from code and templates, and the catalogs hold what is marked, no more and no less."""

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.conf import settings
from django.core.management import call_command

from annotation_site.marked_texts import bring_up_to_date, marked_texts

CATALOGS = sorted(settings.LOCALE_PATHS[0].glob("*/LC_MESSAGES/django.po"))
# Those of scripts too: their texts stand in the attributes of a page.
PLACEHOLDER = re.compile(r"%\(\w+\)[sr]|%%|\{\w+\}")
# Whatever a worker may read: these have to be translated in every catalog.
FOR_WORKERS = (
    "templates/workforce/",
    "templates/contains_task/",
    "templates/classify_task/",
    "templates/mturk/",
    "templates/base.html",
    "templates/error.html",
    "templates/note.html",
    "templates/worker_home.html",
    "annotation_site/views.py",
    "annotation_site/middleware.py",
    "classify_task/actions.py",
    "classify_task/forms.py",
    "contains_task/forms.py",
    "contains_task/templatetags/",
    "mturk/views.py",
    "workforce/consents/",
    "workforce/drafts/",
    "workforce/forms.py",
    "workforce/frame/",
    "workforce/limits.py",
    "workforce/links/",
    "workforce/pages.py",
    "workforce/problem_reports/",
    "workforce/recruitment_links.py",
    "workforce/unverified/",
    "workforce/views.py",
)


@pytest.fixture(scope="module")
def texts():
    return marked_texts(settings.BASE_DIR)


def read(path: Path):
    with open(path, "rb") as source:
        return read_po(source, locale=path.parents[1].name)


def both(forms) -> tuple[str, ...]:
    return forms if isinstance(forms, tuple) else (forms,)


def test_there_is_a_catalog_of_each_language_of_the_worker_pages():
    assert {path.parents[1].name for path in CATALOGS} >= {"de", "es"}


def test_code_templates_plurals_and_contexts_are_extracted(tmp_path):
    (tmp_path / "room").mkdir()
    (tmp_path / "templates").mkdir()
    (tmp_path / "marketplace").mkdir()
    (tmp_path / "room" / "code.py").write_text(
        'gettext("A " "sentence.")\nngettext("%(n)s row", "%(n)s rows", n)\n'
        'pgettext("verb", "Open")\nother("Not this")\n'
    )
    (tmp_path / "templates" / "page.html").write_text(
        '<div>\n      {% translate "Read it" %}\n  "odd\n {% blocktranslate trimmed count n=n %}\n  {{ n }} line\n'
        "{% plural %}\n {{ n }} lines\n{% endblocktranslate %}'\n"
    )
    (tmp_path / "marketplace" / "code.py").write_text('gettext("Of another process")\n')
    ids = {message.id for message in marked_texts(tmp_path) if message.id}
    assert ids == {"A sentence.", ("%(n)s row", "%(n)s rows"), "Open", "Read it", ("%(n)s line", "%(n)s lines")}


def test_a_catalog_keeps_its_translations_and_loses_what_is_marked_no_more(tmp_path):
    path = tmp_path / "de" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True)
    path.write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
        'msgid "Kept"\nmsgstr "Behalten"\n\nmsgid "Gone"\nmsgstr "Weg"\n'
    )
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "code.py").write_text('gettext("Kept")\ngettext("Kept too")\n')
    bring_up_to_date(path, marked_texts(tmp_path))
    catalog = read(path)
    assert {message.id: message.string for message in catalog if message.id} == {"Kept": "Behalten", "Kept too": ""}
    assert "Gone" not in path.read_text() and not any(message.fuzzy for message in catalog if message.id)
    before = path.read_text()
    bring_up_to_date(path, marked_texts(tmp_path))
    assert path.read_text() == before


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.parents[1].name)
def test_a_catalog_holds_what_is_marked(path, texts):
    assert {m.id for m in read(path)} == {m.id for m in texts}, "./manage extract_texts brings it up to date"


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.parents[1].name)
def test_whatever_workers_read_is_translated(path, texts):
    # An answer is shown to researchers.
    files = {m.id: [file for file, _ in m.locations if not file.endswith("/answer.html")] for m in texts}
    of_workers = {text for text, named in files.items() if any(file.startswith(FOR_WORKERS) for file in named)}
    translated = {m.id for m in read(path) if m.id and all(both(m.string)) and not m.fuzzy}
    assert of_workers - translated == set()


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.parents[1].name)
def test_a_translation_has_the_placeholders_of_its_text(path):
    for message in read(path):
        expected = set(PLACEHOLDER.findall(" ".join(both(message.id))))
        for form in filter(None, both(message.string)):
            # A singular may do without its number.
            assert set(PLACEHOLDER.findall(form)) <= expected, message.id
            assert isinstance(message.id, tuple) or set(PLACEHOLDER.findall(form)) == expected, message.id


def test_the_command_says_what_is_not_translated(capsys, settings, tmp_path):
    path = tmp_path / "locale" / "de" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True)
    path.write_text('msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n')
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "code.py").write_text('gettext("One")\ngettext("Two")\n')
    settings.LOCALE_PATHS, settings.BASE_DIR = [tmp_path / "locale"], tmp_path
    call_command("extract_texts")
    assert capsys.readouterr().out == "de: 2 texts, 2 of them not translated\n"
