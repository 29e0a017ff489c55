"""A researcher makes a dataset and brings its images in, in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from catalog.models import Dataset
from jobs.actions import do_next_job
from jobs.models import Job
from tests.archives import zip_of
from tests.browser.researchers import open_as_researcher
from tests.browsers import new_context
from tests.factories import unique
from tests.pictures import encoded


@pytest.fixture(autouse=True)
def places(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.UPLOAD_ROOT = tmp_path / "uploads"
    settings.FILE_UPLOAD_TEMP_DIR = settings.UPLOAD_ROOT / "incoming"
    settings.IMPORT_ROOT = str(tmp_path / "import")


@pytest.fixture
def archive(tmp_path) -> Path:
    return zip_of(tmp_path / "pictures.zip", {"1/a.jpg": encoded(), "2/b.jpg": encoded(), "2/broken.jpg": b"no"})


def new_dataset(browser: Browser, site: str, *, scripts: bool = True) -> Page:
    """The page of a dataset's images, made by somebody signed in."""
    page = new_context(browser, java_script_enabled=scripts).new_page()
    page.set_default_timeout(60_000)
    open_as_researcher(page, f"{site}/setup/new/")
    page.get_by_label("Name").fill(unique("birds"))
    page.get_by_role("button", name="Create dataset").click()
    return page


def test_a_progress_bar_tells_how_far_an_import_is_and_its_end_needs_no_reload(site, browser, archive, settings):
    settings.IMPORT_BUCKETS = ["s3://birds"]
    page = new_dataset(browser, site)
    page.get_by_label("One archive").set_input_files(archive)
    page.get_by_role("button", name="Upload and import").click()
    expect(page.get_by_text("waiting to start")).to_be_visible()
    assert page.get_by_role("progressbar", name="Importing images").get_attribute("value") is None
    Job.objects.update(n_total=4, n_done=1)
    bar = page.get_by_role("progressbar", name="Importing images")
    expect(bar).to_have_attribute("value", "1")
    expect(bar).to_have_attribute("max", "4")
    # What the reader is about to send stays chosen while the page renews itself.
    page.get_by_label("Address").fill("s3://birds")
    assert do_next_job()
    expect(page.get_by_text("2 images were added.")).to_be_visible()
    expect(page.get_by_text("2/broken.jpg: unsupported format")).to_be_visible()
    expect(page.get_by_label("Address")).to_have_value("s3://birds")
    assert Dataset.objects.get().images.count() == 2


def test_what_is_larger_than_is_taken_is_said_before_it_is_sent(site, browser, settings, tmp_path):
    settings.LARGEST_UPLOAD_MIB = 1
    large = tmp_path / "large.zip"
    large.write_bytes(bytes(2 * 2**20))
    page = new_dataset(browser, site)
    sent = []
    page.on("request", lambda request: sent.append(request.method))
    page.get_by_label("One archive").set_input_files(large)
    expect(page.get_by_role("alert")).to_contain_text("These files total 2 MiB, more than the limit")
    page.get_by_role("button", name="Upload and import").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert "POST" not in sent and not Job.objects.exists()


def test_a_refused_upload_shows_its_error_beside_the_field_and_can_be_corrected(site, browser, archive, tmp_path):
    page = new_dataset(browser, site)
    picture = tmp_path / "a.jpg"
    picture.write_bytes(encoded())
    page.get_by_label("One archive").set_input_files([archive, picture])
    page.get_by_role("button", name="Upload and import").click()
    expect(page.get_by_role("alert")).to_contain_text("is an archive: upload it alone")
    page.get_by_label("One archive").set_input_files(archive)
    expect(page.get_by_role("alert")).to_be_hidden()
    page.get_by_role("button", name="Upload and import").click()
    expect(page.get_by_text("waiting to start")).to_be_visible()


def test_all_of_it_works_without_scripts(site, browser, archive):
    page = new_dataset(browser, site, scripts=False)
    page.get_by_label("One archive").set_input_files(archive)
    page.get_by_role("button", name="Upload and import").click()
    expect(page.get_by_text("waiting to start")).to_be_visible()
    assert do_next_job()
    page.reload()
    expect(page.get_by_text("2 images were added.")).to_be_visible()
    page.get_by_role("link", name="Files").click()
    with page.expect_download() as download:
        frequencies = page.get_by_role("listitem").filter(
            has=page.get_by_role("heading", name="Selection frequencies", exact=True)
        )
        frequencies.get_by_role("link", name="CSV", exact=True).click()
    assert Path(download.value.path()).read_text() == "image,label,n_selected,n_shown\n"
    assert download.value.suggested_filename.endswith("-selection_frequencies.csv")
