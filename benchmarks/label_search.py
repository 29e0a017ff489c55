"""Measure the search for classes among the 1,000 of ImageNet: its answers' times, and what it forgives.

    .venv/bin/python benchmarks/label_search.py FOLDER [--port 8790] [--pause 1.5] [--texts 40]

Serves a site from FOLDER, which is thrown away at the end. Eight people, signed in, search names of classes, typed in
part and half of them with an error, all at once with a pause before each; then one process searches the same texts.
Last, every name with five letters or more is searched with one seeded error of each of four kinds.
"""

import argparse
import json
import os
import random
import statistics
import string
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlencode

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.served import Served, served  # noqa: E402
from catalog.label_data import imagenet_labels  # noqa: E402

SEED = 20
PEOPLE = 8
SHORTEST = 5
FIRST = 10
KINDS = ("missing", "more", "other", "swapped")
SIGN_IN = """
import json, time
from django.contrib.auth import get_user_model
from django.test import Client
from catalog.actions import create_dataset
create_dataset(name="all")
keys = []
for number in range({n}):
    client = Client()
    client.force_login(get_user_model().objects.create_user(f"person {{number}}", is_staff=True))
    keys.append(client.session.session_key)
print(json.dumps(keys))
"""
IN_PROCESS = """
import json, time
from catalog.label_search.reads import search_labels
from catalog.models import LabelSet
label_set = LabelSet.objects.get(name="ImageNet")
begin = time.perf_counter()
search_labels(label_set, "dog")
times = [time.perf_counter() - begin]
for text in {texts!r}:
    begin = time.perf_counter()
    search_labels(label_set, text)
    times.append(time.perf_counter() - begin)
print(json.dumps(times))
"""
FORGIVEN = """
import json
from catalog.label_search.reads import search_labels
from catalog.models import LabelSet
label_set = LabelSet.objects.get(name="ImageNet")
cases = json.load(open({path!r}))
results = [[hit.label.index for hit in search_labels(label_set, text, {first})] for index, text in cases]
print(json.dumps([index in indexes for (index, text), indexes in zip(cases, results)]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=8790)
    parser.add_argument("--pause", type=float, default=1.5, help="seconds that a person thinks before each search")
    parser.add_argument("--texts", type=int, default=40, help="searches of a person")
    options = parser.parse_args()
    rng = random.Random(SEED)
    texts = [text_of_a_person(rng) for _ in range(PEOPLE * options.texts)]
    with served(options.folder, options.port, grids=1) as site:
        keys = json.loads(site.ask(SIGN_IN.format(n=PEOPLE)))
        load = os.getloadavg()[0]
        name = f"over HTTP, {PEOPLE} at once, {options.pause:g} s between their searches, load {load:.1f}"
        show(name, over_http(site, keys, texts, options.pause))
        first, *times = json.loads(site.ask(IN_PROCESS.format(texts=texts)))
        print(f"first search of a process, index included: {1000 * first:.0f} ms")
        show("in process", times)
        forgiven(site, options.folder, rng)


def text_of_a_person(rng: random.Random) -> str:
    """Return the name of a class, as far as somebody has typed it; every second one with an error."""
    name = rng.choice(rng.choice(LABELS).words.split(", "))
    text = name[: rng.randrange(3, len(name) + 3)]
    return misspelt(text, rng.choice(KINDS), rng) if rng.random() < 0.5 else text


def misspelt(word: str, kind: str, rng: random.Random) -> str:
    """Return a word with one error of a kind at one of its letters."""
    places = [place for place, letter in enumerate(word) if letter.isalpha()]
    while True:
        place, letter = rng.choice(places), rng.choice(string.ascii_lowercase)
        after = word[place + 1 :]
        texts = {"missing": word[:place] + after, "more": word[:place] + letter + word[place:]}
        texts |= {"other": word[:place] + letter + after, "swapped": word[:place] + after[:1] + word[place] + after[1:]}
        if texts[kind] != word:
            return texts[kind]
        kind = rng.choice(KINDS)


def over_http(site: Served, keys: list[str], texts: list[str], pause: float) -> list[float]:
    """Return the seconds of each answer; searches before them warm each process of the site up."""
    origin = site.environment["STAFF_ORIGIN"]

    def person(number: int) -> list[float]:
        for text in texts[:20]:
            answer_time(origin, keys[number], text)
        times = []
        for text in texts[number::PEOPLE]:
            time.sleep(random.Random(f"{number} {text}").uniform(0.5, 1.5) * pause)
            times.append(answer_time(origin, keys[number], text))
        return times

    with ThreadPoolExecutor(PEOPLE) as pool:
        return [seconds for times in pool.map(person, range(PEOPLE)) for seconds in times]


def answer_time(origin: str, key: str, text: str) -> float:
    address = f"{origin}/labels/matches/{quote('all')}/?{urlencode({'text': text})}"
    request = urllib.request.Request(address, headers={"Cookie": f"session={key}"})
    begin = time.perf_counter()
    with urllib.request.urlopen(request, timeout=60) as answer:
        content = json.load(answer)
    assert "hits" in content
    return time.perf_counter() - begin


def forgiven(site: Served, folder: Path, rng: random.Random) -> None:
    """Print the share of misspelt names whose class is among the first results."""
    for kind in KINDS:
        cases = [
            (label.index, misspelt(name, kind, rng))
            for label in LABELS
            for name in label.words.split(", ")
            if sum(map(str.isalpha, name)) >= SHORTEST
        ]
        path = folder.absolute() / "cases.json"
        path.write_text(json.dumps(cases))
        results = json.loads(site.ask(FORGIVEN.format(path=str(path), first=FIRST)))
        share = sum(results) / len(results)
        print(f"{kind:8} {sum(results):,} of {len(results):,} names among the first {FIRST}: {share:.2%}")


def show(name: str, times: list[float]) -> None:
    p95 = statistics.quantiles(times, n=20)[-1]
    print(f"{name}: {len(times):,} searches, median {1000 * statistics.median(times):.1f} ms, p95 {1000 * p95:.1f} ms")


LABELS = imagenet_labels()

if __name__ == "__main__":
    main()
