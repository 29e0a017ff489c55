"""Defences of grids: what nobody meant or saw becomes no vote, and the page stays still."""

from tests.security.removal import Defence

BROWSER, VIEWS = "tests/browser/test_grid.py", "tests/contains_task/test_views.py"
SCRIPT, ATTENTION, STYLES = (
    "static/contains_task/grid.js",
    "static/workforce/attention.js",
    "static/contains_task/grid.css",
)

OF_GRIDS = (
    Defence(
        "G1 Enter in a checkbox submits nothing",
        "templates/workforce/work.html",
        ' formmethod="dialog" formnovalidate',
        " disabled",
        (f"{BROWSER}::test_enter_on_photographs_submits_nothing_and_an_untouched_grid_is_asked_about",),
    ),
    Defence(
        "G1 an untouched grid is asked about by the site",
        "contains_task/forms.py",
        'return not selected and not maybe and none != "yes"',
        "return False",
        (f"{VIEWS}::test_a_grid_that_nobody_touched_is_asked_about_before_it_is_stored",),
    ),
    Defence(
        "G1 a double click answers no question",
        ATTENTION,
        "const GUARD_MS = 600;",
        "const GUARD_MS = 0;",
        (f"{BROWSER}::test_impatient_clicks_on_submit_do_not_answer_the_question",),
    ),
    Defence(
        "G2 what was not seen is said",
        ATTENTION,
        "  checks.push(missing);\n",
        "",
        (
            f"{BROWSER}::test_what_did_not_load_is_said_and_gets_no_vote",
            f"{BROWSER}::test_who_did_not_scroll_is_told_and_submits_deliberately",
        ),
    ),
    Defence(
        "G2 a hidden page is not looked at",
        ATTENTION,
        "  if (document.hidden) return;\n  const dialog",
        "  const dialog",
        (f"{BROWSER}::test_a_hidden_page_is_not_looked_at",),
    ),
    Defence(
        "G2 photographs are asked for again when the browser is online",
        ATTENTION,
        'addEventListener("online", () =>',
        'addEventListener("never", () =>',
        (f"{BROWSER}::test_photographs_load_at_once_after_a_long_time_offline",),
    ),
    Defence(
        "G2 who goes by keyboard has seen",
        ATTENTION,
        "if (image && isInView(image, visiblePart())) count(image);",
        "",
        (f"{BROWSER}::test_who_goes_through_all_checkboxes_by_keyboard_has_seen_them",),
    ),
    Defence(
        "G3 arrows move by the visual grid",
        SCRIPT,
        "ArrowUp: -columns, ArrowDown: columns",
        "ArrowUp: -1, ArrowDown: 1",
        (f"{BROWSER}::test_arrows_move_by_the_visual_grid_and_space_selects",),
    ),
    Defence(
        "G3 single letters can be switched off",
        SCRIPT,
        "letters.checked && letter",
        "letter",
        (f"{BROWSER}::test_keys_do_nothing_in_a_text_and_can_be_switched_off",),
    ),
    Defence(
        "G3 focus is not behind the bar",
        STYLES,
        "html { scroll-padding: 1rem 0 6rem; }\n",
        "",
        (f"{BROWSER}::test_focus_is_never_behind_the_bar",),
    ),
    Defence(
        "G3 Back closes the enlarged view",
        "static/contains_task/enlarge.js",
        '  history.pushState({ large: index }, "");\n',
        "",
        (f"{BROWSER}::test_the_enlarged_view_zooms_steps_and_selects_and_back_closes_it",),
    ),
    Defence(
        "G3 a tile has room for its frame",
        STYLES,
        " border: 4px solid var(--paper);\n",
        "\n",
        (f"{BROWSER}::test_the_first_photographs_lie_on_the_first_screen_of_a_phone_and_nothing_moves",),
    ),
)
