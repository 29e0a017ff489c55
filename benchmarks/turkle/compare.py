#!/usr/bin/env python3
"""Side by side with Turkle 3.1: how fast people can accept, open and hand in, and how soon they have their next HIT.

    .venv/bin/python benchmarks/turkle/compare.py FOLDER [--rounds N] [--seconds S] [--before CHECKOUT]

FOLDER is made and keeps Turkle's environment for the next time; everything else in it is thrown away at the end. One
embedded Postgres, as safe as in ./run, holds all sites' databases; gunicorn serves each with the processes and threads
of ./run; the same clients work on all by plain HTTP on loopback, as browsers without the photographs would. The sides
take turns in short rounds, so that whatever else runs on the machine slows all.

With --before, another checkout of this project (of an earlier commit, in which ./run has made its .venv) is filled and
served as well. Its sides take turns beside the present ones, and the report compares them round by round. Many short
rounds compare better than a few long ones; `--before .` compares this checkout with itself, and shows the noise.
"""

import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.turkle.our_site import PYTHON, STUDY, OurSite  # noqa: E402
from benchmarks.turkle.report import report  # noqa: E402
from benchmarks.turkle.sides import (  # noqa: E402
    BEFORE,
    BEFORE_PORT,
    CLIENTS,
    FEW,
    OUR_PORT,
    OURS,
    THEIR_PORT,
    THEIRS,
    Side,
    sides_of,
)
from benchmarks.turkle.their_site import TheirSite  # noqa: E402
from catalog.label_data import imagenet_labels  # noqa: E402
from launcher.embedded import running  # noqa: E402
from launcher.install import install_uv  # noqa: E402
from launcher.parts import WEB_PROCESSES, WEB_THREADS  # noqa: E402
from launcher.places import Places, places_of  # noqa: E402
from launcher.postgres import SUPERUSER, connect, postgres_part  # noqa: E402
from launcher.processes import Part, end_leftovers  # noqa: E402

HITS, ANSWERS = 10_000, 3
MANY = 900_000
ENDED = '{"failed": ["the clients ended; their words are above"]}'
NO_BLANKS = str.maketrans("", "", " ,")
# Answers, cells answered, and pieces of work that more people answered than were asked for.
OUR_ANSWERS = """
    WITH answer AS (
        SELECT submission.id, submission.hit_id FROM workforce_submission submission
        JOIN workforce_hit hit ON hit.id = submission.hit_id JOIN workforce_batch batch ON batch.id = hit.batch_id
        WHERE batch.public_id = ANY(%(batches)s)
    )
    SELECT (SELECT count(*) FROM answer),
           (SELECT count(*) FROM answer JOIN contains_task_containsvote vote ON vote.submission_id = answer.id),
           (SELECT count(*) FROM (
               SELECT FROM answer GROUP BY hit_id
               HAVING count(*) > (SELECT count(*) FROM workforce_slot slot WHERE slot.hit_id = answer.hit_id)
           ) too_often)
"""
THEIR_ANSWERS = """
    SELECT count(*), count(*), (
        SELECT count(*) FROM (
            SELECT FROM turkle_taskassignment GROUP BY task_id HAVING count(*) > %(answers)s
        ) too_often
    ) FROM turkle_taskassignment assignment JOIN turkle_task task ON task.id = assignment.task_id
    WHERE assignment.completed AND task.batch_id = ANY(%(batches)s)
"""


class Clients:
    """The process in which the people of a side are at work."""

    def __init__(self, kind: str, about: dict) -> None:
        words = [sys.executable, "-I", str(HERE / "load.py"), kind]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdin and self.process.stdout, "both are pipes"
        self.questions, self.answers = self.process.stdin, self.process.stdout
        self.ask(about)

    def ask(self, question: dict) -> dict:
        self.questions.write(json.dumps(question) + "\n")
        self.questions.flush()
        answer = json.loads(self.answers.readline() or ENDED)
        if answer.get("failed"):
            raise SystemExit(f"It did not work: {answer['failed']}")
        return answer

    def leave(self) -> None:
        self.questions.close()
        self.process.wait()
        self.answers.close()


def main() -> None:
    options = arguments()
    state = options.folder.absolute() / "state"
    options.folder.mkdir(parents=True, exist_ok=True)
    begin_anew(state)
    places = places_of(state)
    try:
        with running(places, [postgres_part(places)]), sites(options, places) as sides:
            take_turns(sides, options)
            check(places, sides)
            report(sides)
    finally:
        begin_anew(state)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--seconds", type=float, default=8, metavar="S", help="length of a round of each side")
    parser.add_argument("--many", type=int, default=MANY, metavar="N", help=f"the many open slots ({MANY:,})")
    parser.add_argument("--before", type=checkout, metavar="CHECKOUT", help="measure this earlier checkout as well")
    return parser.parse_args()


def checkout(word: str) -> Path:
    path = Path(word).absolute()
    for part in (PYTHON, STUDY):
        if not (path / part).exists():
            raise argparse.ArgumentTypeError(f"{path} has no {part}: name a checkout in which ./run was started once")
    return path


def begin_anew(state: Path) -> None:
    end_leftovers(state)
    places = places_of(state)
    for folder in (state, places.postgres_sockets, places.valkey_sockets, places.outside):
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
    state.mkdir()


@contextmanager
def sites(options: argparse.Namespace, places: Places) -> Iterator[list[Side]]:
    """Fill and serve all sites; return the sides that are compared on them."""
    database = {"NAME": THEIRS, "USER": SUPERUSER, "HOST": str(places.postgres_sockets)}
    theirs = TheirSite(options.folder.absolute(), database)
    say(theirs.install(install_uv()))
    theirs.write_project()
    our_sites = [OurSite(OURS, ROOT, OUR_PORT, places)]
    if options.before:
        our_sites.append(OurSite(BEFORE, options.before, BEFORE_PORT, places))
    create_databases(places, [THEIRS, *(site.name for site in our_sites)])
    study = study_of(options)
    say("filling Turkle")
    their_study = theirs.fill(study)
    own_studies = [filled(site, study) for site in our_sites]
    parts = [
        server(site.name, site.python, "annotation_site", site.port, places, site.environment) for site in our_sites
    ]
    parts.append(server(THEIRS, str(theirs.python), "turkle_project", THEIR_PORT, places, theirs.environment))
    with serving(parts):
        yield sides_of(their_study, *own_studies)


def study_of(options: argparse.Namespace) -> dict:
    """Return what every site is filled with, so that all databases are of one size."""
    people = [f"person{number:02}" for number in range(CLIENTS)]
    labels = [(label.words.split(",")[0], label.gloss) for label in imagenet_labels()]
    slots = {"few": FEW, "many": options.many, "rounds": options.rounds + 1}
    return slots | {
        "clients": people,
        "hits": HITS,
        "answers": ANSWERS,
        "labels": labels,
        "password": "a-long-pass-phrase",
    }


def filled(site: OurSite, study: dict) -> dict:
    say(f"filling {site.name}: {site.checkout}")
    return site.fill(study)


def create_databases(places: Places, names: list[str]) -> None:
    connection = connect(places)
    connection.autocommit = True
    with closing(connection), connection.cursor() as cursor:
        for name in names:
            cursor.execute(f"CREATE DATABASE {name}")


@contextmanager
def serving(parts: list[Part]) -> Iterator[None]:
    with ExitStack() as stack:
        for part in parts:
            stack.callback(part.stop)
            part.start()
            if not part.wait_ready(60):
                raise SystemExit(f"{part.name} does not serve:\n{part.last_lines()}")
        yield


def server(name: str, python: str, package: str, port: int, places: Places, environment: dict) -> Part:
    """gunicorn as in ./run (see `launcher.parts.web_part`), the same for all."""
    words = ["--worker-class", "gthread", "--workers", str(WEB_PROCESSES), "--threads", str(WEB_THREADS)]
    limits = ["--timeout", "60", "--graceful-timeout", "10", "--no-control-socket", "--bind", f"127.0.0.1:{port}"]
    return Part(
        name=name,
        command=[python, "-m", "gunicorn", f"{package}.wsgi:application", *words, *limits],
        state=places.state,
        ready=lambda: listens(port),
        environment=environment,
        # Python looks there first, also before PYTHONPATH.
        cwd=Path(environment["PYTHONPATH"]),
        stop_seconds=15,
    )


def listens(port: int) -> bool:
    """Return whether any page comes back."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def take_turns(sides: list[Side], options: argparse.Namespace) -> None:
    with ExitStack() as stack:
        staying = {side.name: at_work(stack, side, 0) for side in sides if len(side.batches) == 1}
        # The first round warms both servers up and is left out.
        for number in range(options.rounds + 1):
            say(f"round {number} of {options.rounds}; load {os.getloadavg()[0]:.1f}")
            # Back and forth, so that neither side of a pair always comes after the other.
            for side in sides if number % 2 else reversed(sides):
                with ExitStack() as passing:
                    clients = staying.get(side.name) or at_work(passing, side, number)
                    seconds = options.seconds * side.seconds * (1 if number else 0.5)
                    result = clients.ask({"seconds": seconds, "cycles": side.cycles})
                side.done += result["cycles"]
                if number:
                    side.rounds.append(result)


def at_work(stack: ExitStack, side: Side, number: int) -> Clients:
    people = side.about.get("clients") or [
        f"A{side.name}{number}X{client:02}".upper().translate(NO_BLANKS) for client in range(CLIENTS)
    ]
    clients = Clients(side.kind, side.about | {"clients": people, "batch": side.batches[number]})
    stack.callback(clients.leave)
    return clients


def check(places: Places, sides: list[Side]) -> None:
    """Check that the stored answers are those of the clients, and that no work was answered too often."""
    for side in sides:
        query = THEIR_ANSWERS if side.site == THEIRS else OUR_ANSWERS
        database = connect(places, side.site)
        with closing(database), database.cursor() as cursor:
            cursor.execute(query, {"batches": list(dict.fromkeys(side.batches)), "answers": ANSWERS})
            ((answers, cells, too_many),) = cursor.fetchall()
        if (answers, cells, too_many) != (side.done, side.done * side.cells, 0):
            raise SystemExit(
                f"{side.name}: {side.done} cycles, yet {answers} answers with {cells} cells are stored, "
                f"and {too_many} pieces of work were answered too often."
            )


def say(message: str) -> None:
    print(f"-- {time.strftime('%H:%M:%S')} {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
