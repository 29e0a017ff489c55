"""A plugin for pytest: a state folder for each process of a run, the longest files first, and a count of outcomes.

`./test` names it in PYTEST_PLUGINS: pytest-django reads the settings before any conftest is imported.
"""

import json
import os
import string
from pathlib import Path

import pytest

from launcher.secrets import SITE_KEY
from launcher.suites import COUNTS_VARIABLE, OUTCOMES, SUITE_VARIABLE, environment_of_process

# The files that take longest, in this order. If one of them began last, the other processors would wait for it.
LONGEST = (
    "tests/people/test_on_links.py",
    "tests/faults/test_faults.py",
    "tests/launcher/test_supervisor.py",
    "tests/annotation_site/test_staff_addresses.py",
    "tests/test_words_on_pages.py",
    "tests/browser/test_drafts.py",
    "tests/api/test_rest.py",
    "tests/studies/test_load_demo.py",
    "tests/people/test_in_the_frame.py",
    "tests/test_leaks.py",
    "tests/browser/test_grid.py",
    "tests/launcher/test_command.py",
    "tests/browser/test_study.py",
    "tests/mturk/test_mturk_faults.py",
    "tests/data_import/test_import_corpus.py",
    "tests/launcher/test_services.py",
    "tests/people/test_access.py",
    "tests/annotation_site/test_unreadable_text.py",
    "tests/studies/simulation/test_simulation.py",
    "tests/dashboard/payments/test_payments_to_people.py",
    "tests/browser/test_frame.py",
    "tests/dashboard/payments/test_payments_pages.py",
    "tests/browser/test_reviewing.py",
    "tests/review_task/files/test_review_files.py",
    "tests/mturk/test_whole_study.py",
    "tests/browser/test_forms.py",
    "tests/dashboard/review/test_forms_without_scripts.py",
    "tests/api/test_pages_of_rows.py",
    "tests/dashboard/setup/test_hints.py",
    "tests/data_import/test_import_killed.py",
    "tests/data_export/test_export.py",
    "tests/browser/test_paying.py",
    "tests/dashboard/payments/test_payment_of_answers.py",
    "tests/dashboard/setup/test_setup_pages.py",
    "tests/dashboard/payments/test_payments_wording.py",
    "tests/launcher/test_install.py",
    "tests/test_documents.py",
    "tests/annotation_site/test_headers.py",
    "tests/browser/test_expert_reviews.py",
    "tests/catalog/test_photographs.py",
    "tests/marketplace/test_in_a_browser.py",
    "tests/marketplace/test_contract.py",
    "tests/marketplace/test_storm.py",
    "tests/marketplace/test_commands.py",
    "tests/marketplace/test_hits.py",
    "tests/marketplace/test_machine.py",
    "tests/marketplace/test_request_loops.py",
    "tests/marketplace/test_lists.py",
    "tests/marketplace/test_aws_cli.py",
    "tests/marketplace/test_faults.py",
)

PROCESS = os.environ.get("PYTEST_XDIST_WORKER")
if PROCESS:
    os.environ |= environment_of_process(Path(os.environ["STATE_DIR"]) / PROCESS, os.environ[SUITE_VARIABLE])
    # What a test starts is no process of this run, and keeps the folder that it is told.
    del os.environ["PYTEST_PLUGINS"]
if not os.environ.get("SOAK"):
    # The order of the cells on a page, which follows from it, is the same in every run: tests/chance.py.
    (Path(os.environ["STATE_DIR"]) / SITE_KEY).write_text("a key of tests alone: " + string.ascii_letters)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the others stay in the random order that they are in."""
    places = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.nodeid.split("::")[0], len(places)))


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Leave the numbers of the summary line for the line that sums up both suites."""
    stats = terminalreporter.stats
    counts = {
        name: sum(getattr(report, "count_towards_summary", True) for report in stats[name])
        for name in OUTCOMES
        if name in stats
    }
    if COUNTS_VARIABLE in os.environ:
        Path(os.environ[COUNTS_VARIABLE]).write_text(json.dumps(counts))
