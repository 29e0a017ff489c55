"""Defences of the labelling guide: U1 and U2 of docs/security.md."""

from tests.security.removal import Defence

PAGES = "tests/dashboard/guide/test_writing.py::"
GUIDE = "tests/catalog/guide/test_guide.py::"

OF_GUIDE = (
    Defence(
        "U1 a text of the guide is escaped",
        "catalog/guide/pages.py",
        '    return format_html("{}", span.words)\n',
        "    return SafeString(span.words)\n",
        (f"{PAGES}test_a_preview_stores_nothing_and_shows_markup_as_markup_and_html_as_text",),
    ),
    Defence(
        "U1 a link of the guide shows where it leads",
        "catalog/guide/markup/reads.py",
        ' and "@" not in parts.netloc',
        "",
        ("tests/catalog/guide/test_markup_and_differences.py::test_what_is_no_safe_address_stays_text",),
    ),
    Defence(
        "U1 a picture belongs to the guide of its study",
        "dashboard/guide/views.py",
        ", guide__uses__dataset__name=name",
        "",
        (f"{PAGES}test_a_picture_of_another_guide_is_neither_shown_nor_saved",),
    ),
    Defence(
        "U2 a save is refused after a version that its author has not seen",
        "catalog/guide/actions.py",
        "        raise EditedMeanwhile(latest)\n",
        "        pass\n",
        (
            f"{GUIDE}test_two_people_at_once_the_second_gets_the_first_text_and_nothing_is_lost",
            f"{PAGES}test_the_second_gets_both_texts_and_the_differences",
        ),
    ),
)
