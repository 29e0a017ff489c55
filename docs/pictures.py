"""Take the pictures of the documents again: `.venv/bin/python docs/pictures.py`, once `./test` has installed Chromium.

A site of its own runs meanwhile, on a state folder that is thrown away. Its study has free photographs of
scikit-image and cuttings from them (docs/pictures/README.md says whose they are), and answers that are made up below.
"""

import contextlib
import csv
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LARGEST_BYTES = 150_000
PATIENCE_SECONDS = 300
DATASET = "kitchen and sky"
GRIDS_CODE = ("--dataset", DATASET, "--completion-code", "GRIDS-42")
FORMS_CODE = ("--dataset", DATASET, "--completion-code", "FORMS-67")
ESPRESSO, CUP, MUG, PLATE = 967, 968, 504, 923
TABBY, TIGER_CAT, EGYPTIAN_CAT = 281, 282, 285
SHUTTLE, HELMET, UNIFORM = 812, 518, 652
MISSILE, TRIPOD, CAMERA = 657, 872, 759
# Name, file of scikit-image, box of the cutting as shares of width and height, dataset label.
PHOTOGRAPHS = (
    ("coffee", "coffee.png", (0, 0, 1, 1), ESPRESSO),
    ("cat", "chelsea.png", (0, 0, 1, 1), TABBY),
    ("astronaut", "astronaut.png", (0, 0, 1, 1), SHUTTLE),
    ("rocket", "rocket.jpg", (0, 0, 1, 1), MISSILE),
    ("photographer", "camera.png", (0, 0, 1, 1), TRIPOD),
    ("cup", "coffee.png", (0.15, 0.05, 0.75, 0.8), ESPRESSO),
    ("face", "chelsea.png", (0.2, 0.1, 0.85, 0.95), TABBY),
    ("model", "astronaut.png", (0.55, 0, 1, 0.6), SHUTTLE),
    ("launch", "rocket.jpg", (0.3, 0.2, 0.7, 1), MISSILE),
    ("tripod", "camera.png", (0.2, 0.2, 0.9, 1), TRIPOD),
    ("foam", "coffee.png", (0.3, 0.15, 0.7, 0.6), ESPRESSO),
    ("whiskers", "chelsea.png", (0, 0.3, 0.6, 1), TABBY),
)
# (image, label): how many of nine people selected it.
SELECTED = {
    ("coffee", ESPRESSO): 9, ("coffee", CUP): 8, ("coffee", MUG): 6, ("coffee", PLATE): 6, ("coffee", HELMET): 0,
    ("cat", TABBY): 8, ("cat", TIGER_CAT): 7, ("cat", EGYPTIAN_CAT): 5,
    ("astronaut", SHUTTLE): 7, ("astronaut", HELMET): 6, ("astronaut", UNIFORM): 4,
    ("rocket", MISSILE): 9, ("rocket", SHUTTLE): 2,
    ("photographer", TRIPOD): 9, ("photographer", CAMERA): 8,
}  # fmt: skip
# Image: the labels that each person selected, the main one first.
FORMS = {
    "coffee": [[ESPRESSO, PLATE]] * 4 + [[CUP, PLATE]] * 2 + [[MUG, PLATE], [ESPRESSO], [CUP]],
    "cat": [[TABBY]] * 5 + [[TIGER_CAT]] * 3 + [[EGYPTIAN_CAT]],
    "photographer": [[TRIPOD, CAMERA]] * 6 + [[CAMERA, TRIPOD]] * 2 + [[TRIPOD]],
}
N_PEOPLE = 9
INTRODUCTION = {
    "requester_name": "A vision laboratory",
    "contact": "annotations@example.org",
    "purpose": "To measure how well networks recognise what photographs show.",
    "minutes_needed": "2",
}
# How much more red than blue a picture is on average, of 255.
REDNESS = """image => {
    const canvas = Object.assign(document.createElement("canvas"), {width: 8, height: 8});
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0, 8, 8);
    const pixels = context.getImageData(0, 0, 8, 8).data;
    return pixels.reduce((sum, value, n) => sum + (n % 4 == 0 ? value : n % 4 == 2 ? -value : 0), 0) / 64;
}"""
LEAST_REDNESS = 88
FIGURES = {"images_per_grid": 12, "positive_controls": 0}


@dataclass(frozen=True)
class Site:
    """A running site: its state folder, the port of its pages, and the environment of its commands."""

    state: Path
    port: int
    environment: dict[str, str]

    @property
    def staff(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def manage(self, *words: str) -> str:
        """Run a command. Returns what it printed."""
        command = [sys.executable, "-m", "launcher.command", *words]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"./manage {' '.join(words)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout


def main() -> None:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        sys.exit("Chromium is missing: ./test installs it.")
    PICTURES.mkdir(exist_ok=True)
    with running_site() as site:
        make_study(site)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
            take_pictures(site, browser)
            browser.close()


# The site


@contextlib.contextmanager
def running_site() -> Iterator[Site]:
    (ROOT / "var").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pictures-", dir=ROOT / "var", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SSL_CERT_FILE") if name in os.environ}
        port = free_port()
        environment = kept | {"STATE_DIR": folder, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "launcher.run", "--port", str(port)]
        child = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
        try:
            wait_until_served(f"http://127.0.0.1:{port}/livez", child)
            wait_until_served(f"http://127.0.0.1:{port + 100}/", child)
            yield Site(Path(folder), port, environment)
        finally:
            child.send_signal(signal.SIGINT)
            child.wait()


def free_port() -> int:
    """Return a port that is free, as is the marketplace's a hundred above."""
    for port in range(18000, 19000):
        with contextlib.suppress(OSError), socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 100))
            return port
    sys.exit("No port from 18000 to 18999 is free.")


def wait_until_served(address: str, child: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.5)
    sys.exit(f"The site did not start: nothing answers at {address}.")


# The study


def make_study(site: Site) -> None:
    folder = site.state / "photographs"
    folder.mkdir()
    write_photographs(folder)
    write_answers(folder)
    words = [word for name, value in FIGURES.items() for word in ("--set", f"{name}={value}")]
    site.manage("create_dataset", DATASET, *words)
    site.manage("import", "images", str(folder / "images.csv"), "--dataset", DATASET)
    site.manage("open", "classify", *FORMS_CODE)
    site.manage("replay", "classify", str(folder / "classify.csv"), "--dataset", DATASET)
    site.manage("replay", "contains", str(folder / "contains.csv"), "--dataset", DATASET)
    site.manage("aggregate", "--dataset", DATASET)


def write_photographs(folder: Path) -> None:
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("scikit-image is missing: ./run installs it.")
    source = Path(spec.submodule_search_locations[0], "data")
    for name, file, (left, top, right, bottom), _ in PHOTOGRAPHS:
        with Image.open(source / file) as photograph:
            width, height = photograph.size
            box = (round(left * width), round(top * height), round(right * width), round(bottom * height))
            photograph.convert("RGB").crop(box).save(folder / f"{name}.png")
    rows = [(f"{name}.png", name, label) for name, _, _, label in PHOTOGRAPHS]
    write_csv(folder / "images.csv", ("file", "name", "label"), rows)
    write_csv(folder / "pairs.csv", ("image", "label"), [(name, ESPRESSO) for name, *_ in PHOTOGRAPHS])
    # Not asked about before: answers to "coffee" are replayed.
    others = [(name, CUP) for name, *_ in PHOTOGRAPHS if name != "coffee"]
    write_csv(folder / "other_pairs.csv", ("image", "label"), others)


def write_answers(folder: Path) -> None:
    votes = [
        (image, label, person, "yes" if person < n_selected else "no")
        for (image, label), n_selected in SELECTED.items()
        for person in range(N_PEOPLE)
    ]
    write_csv(folder / "contains.csv", ("image", "label", "rater", "answer"), votes)
    label_of = {name: label for name, _, _, label in PHOTOGRAPHS}
    forms = [
        (image, label_of[image], person, labels[0], " ".join(map(str, labels)))
        for image, answers in FORMS.items()
        for person, labels in enumerate(answers)
    ]
    write_csv(folder / "classify.csv", ("image", "dataset_label", "annotator", "main", "selected"), forms)


def write_csv(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


# The pictures


def take_pictures(site: Site, browser: Browser) -> None:
    folder = site.state / "photographs"
    pairs = str(folder / "pairs.csv")
    _, grids = batch_in(site.manage("open", "contains", "--pairs", pairs, *GRIDS_CODE))
    _, forms = batch_in(site.manage("open", "classify", *FORMS_CODE))
    staff = new_page(browser, 1100, 900)
    sign_in(site, staff)
    take_study_pictures(site, staff)
    for name, width, height in (("grid", 1000, 860), ("grid-phone", 390, 1000)):
        page = new_page(browser, width, height)
        page.goto(f"{grids}?worker={name}")
        page.get_by_role("button", name="Start").click()
        page.wait_for_load_state("networkidle")
        select_coffee(page)
        save(page, name)
    page = new_page(browser, 1000, 800)
    page.goto(f"{forms}?worker=form")
    page.get_by_role("button", name="Start").click()
    save(page, "form")
    staff.goto(f"{site.staff}/setup/grids/{DATASET}/")
    save(staff, "batches", part="#batches")
    # Another batch, after that picture: people who have a link are not asked on a marketplace too.
    others = str(folder / "other_pairs.csv")
    number, _ = batch_in(site.manage("open", "contains", "--pairs", others, "--dataset", DATASET))
    staff.goto(f"{site.staff}/setup/publish/{number}/")
    save(staff, "publish", whole=True)


def sign_in(site: Site, page: Page) -> None:
    page.goto(f"{site.staff}/login/")
    page.locator("input[name=username]").fill("researcher")
    page.locator("input[name=password]").fill((site.state / "staff_password").read_text())
    page.locator("main button[type=submit]").click()
    page.wait_for_load_state("networkidle")


def take_study_pictures(site: Site, page: Page) -> None:
    page.goto(f"{site.staff}/datasets/{DATASET}/")
    save(page, "dataset")
    page.get_by_role("link", name="coffee", exact=True).last.click()
    save(page, "result")
    page.goto(f"{site.staff}/setup/introduction/{DATASET}/")
    for name, text in INTRODUCTION.items():
        page.locator(f"[name={name}]").fill(text)
    page.locator("main button[type=submit]").click()
    page.wait_for_load_state("networkidle")


def select_coffee(page: Page) -> None:
    """Select the photographs of coffee, which are the red ones: a worker's page says no more about them."""
    for tile in page.locator("label:has(input[type=checkbox]):has(img)").all():
        if tile.locator("img").evaluate(REDNESS) > LEAST_REDNESS:
            tile.locator("input").check()
    page.evaluate("scrollTo(0, 0)")


def batch_in(words: str) -> tuple[str, str]:
    """Return the number and the address of the batch that a command has opened."""
    number, address = re.search(r"\d+", words), re.search(r"http\S+", words)
    if number is None or address is None:
        sys.exit(f"No batch was opened: {words}")
    return number.group(), address.group()


def new_page(browser: Browser, width: int, height: int) -> Page:
    page = browser.new_page(viewport={"width": width, "height": height}, locale="en-US", color_scheme="light")
    page.set_default_timeout(PATIENCE_SECONDS * 1000)
    return page


def save(page: Page, name: str, whole: bool = False, part: str | None = None) -> None:
    """Save a picture of the window, of the whole page, or of the element that `part` selects."""
    page.wait_for_load_state("networkidle")
    path = PICTURES / f"{name}.png"
    if part:
        page.locator(part).screenshot(path=path)
    else:
        page.screenshot(path=path, full_page=whole)
    shrink(path)
    print(f"{path.relative_to(ROOT)}: taken", flush=True)


def shrink(path: Path) -> None:
    """Turn a PNG into a WebP of at most LARGEST_BYTES beside it."""
    target = path.with_suffix(".webp")
    with Image.open(path) as picture:
        for quality in (85, 70, 55, 40):
            picture.convert("RGB").save(target, quality=quality, method=6)
            if target.stat().st_size <= LARGEST_BYTES:
                break
    path.unlink()


if __name__ == "__main__":
    main()
