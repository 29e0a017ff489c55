#!/usr/bin/env python3
"""Side by side with Turkle 3.1: how fast people can accept, open and hand in, and how soon they have their next HIT.

    .venv/bin/python benchmarks/turkle/compare.py FOLDER [--rounds N] [--seconds S]

FOLDER is made and keeps Turkle's environment for the next time; everything else in it is thrown away at the end. One
embedded Postgres, as safe as in ./run, holds both sites' databases; gunicorn serves each with the processes and threads
of ./run; the same clients work on both by plain HTTP on loopback, as browsers without the photographs would. The sides
take turns in short rounds, so that whatever else runs on the machine slows both.
"""

import argparse
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.turkle.their_site import TheirSite  # noqa: E402
from catalog.label_data import imagenet_labels  # noqa: E402
from launcher.addresses import origins  # noqa: E402
from launcher.embedded import running  # noqa: E402
from launcher.install import bring_uv  # noqa: E402
from launcher.parts import WEB_PROCESSES, WEB_THREADS  # noqa: E402
from launcher.places import Places, places_of  # noqa: E402
from launcher.postgres import DATABASE, SUPERUSER, connect, postgres_part  # noqa: E402
from launcher.processes import Part, end_leftovers  # noqa: E402

CLIENTS = 16
HITS, ANSWERS = 10_000, 3
FEW, MANY = 1_000, 900_000
CYCLES_OF_FEW = 240
OUR_PORT, THEIR_PORT = 8650, 8651
ENOUGH = 1_000_000
ENDED = '{"failed": ["the clients ended; their words are above"]}'
STEPS = ("accept", "open", "hand_in")
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


@dataclass
class Side:
    """One row of the table: who works on what, and what came of it.

    `batches` are worked on in turns, by new people each, if there are several; `cells` in each piece of work.
    """

    name: str
    kind: str  # one of load.SIDES
    about: dict
    batches: list[str | int]
    cells: int = 1
    cycles: int = ENOUGH
    seconds: float = 1.0  # as a multiple of what was asked for
    done: int = 0
    rates: list[float] = field(default_factory=list)
    took: dict[str, list[float]] = field(default_factory=dict)

    def note(self, result: dict) -> None:
        self.rates.append(result["cycles"] / result["seconds"])
        for step in STEPS:
            self.took.setdefault(step, []).extend(result[step])

    def percentile(self, step: str, percent: int) -> float:
        return statistics.quantiles(self.took[step], n=100)[percent - 1]


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
    asked = arguments()
    state = asked.folder.absolute() / "state"
    asked.folder.mkdir(parents=True, exist_ok=True)
    os.environ |= {"STATE_DIR": str(state), "DJANGO_SETTINGS_MODULE": "annotation_site.settings"}
    os.environ |= origins(OUR_PORT) | {"PYTHONPATH": str(ROOT), "LOG_LEVEL": "WARNING"}
    begin_anew(state)
    places = places_of(state)
    try:
        with running(places, [postgres_part(places)]), sites(asked, places) as sides:
            take_turns(sides, asked)
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
    return parser.parse_args()


def begin_anew(state: Path) -> None:
    end_leftovers(state)
    places = places_of(state)
    for folder in (state, places.postgres_sockets, places.valkey_sockets, places.outside):
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
    state.mkdir()


@contextmanager
def sites(asked: argparse.Namespace, places: Places) -> Iterator[list[Side]]:
    """Both sites, filled and serving; the sides that are compared on them."""
    people = [f"person{number:02}" for number in range(CLIENTS)]
    labels = [(label.words.split(",")[0], label.gloss) for label in imagenet_labels()]
    study = {"clients": people, "hits": HITS, "answers": ANSWERS, "labels": labels, "password": "a-long-pass-phrase"}
    theirs = TheirSite(asked.folder.absolute(), their_database(places))
    say(theirs.install(bring_uv()))
    theirs.write_project()
    say("filling Turkle")
    their_study = theirs.fill(study)
    say("filling ours")
    ours = our_study(study | {"few": FEW, "many": asked.many, "rounds": asked.rounds + 1})
    parts = [
        server("ours", [sys.executable], "annotation_site.wsgi", OUR_PORT, places, {}),
        server("turkle", [str(theirs.python)], "turkle_project.wsgi", THEIR_PORT, places, theirs.environment),
    ]
    with ExitStack() as stack:
        for part in parts:
            stack.callback(part.stop)
            part.start()
            if not part.wait_ready(60):
                raise SystemExit(f"{part.name} does not serve:\n{part.last_lines()}")
        yield sides_of(ours, their_study)


def their_database(places: Places) -> dict[str, str]:
    connection = connect(places)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE turkle")
    connection.close()
    return {"NAME": "turkle", "USER": SUPERUSER, "HOST": str(places.postgres_sockets)}


def our_study(asked: dict) -> dict:
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, check=True)
    done = subprocess.run(
        [sys.executable, HERE / "our_study.py"], input=json.dumps(asked), stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout)


def server(name: str, python: list[str], module: str, port: int, places: Places, environment: dict) -> Part:
    """gunicorn as in ./run (see `launcher.parts.web_part`), the same for both."""
    words = ["--worker-class", "gthread", "--workers", str(WEB_PROCESSES), "--threads", str(WEB_THREADS)]
    limits = ["--timeout", "60", "--graceful-timeout", "10", "--no-control-socket", "--bind", f"127.0.0.1:{port}"]
    return Part(
        name=name,
        command=[*python, "-m", "gunicorn", f"{module}:application", *words, *limits],
        state=places.state,
        ready=lambda: listens(port),
        environment=environment,
        cwd=ROOT,
        stop_seconds=15,
    )


def listens(port: int) -> bool:
    """Whether a page comes back, whatever it says."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def sides_of(ours: dict, theirs: dict) -> list[Side]:
    there = {"host": "127.0.0.1", "port": THEIR_PORT, **theirs}
    here = {"host": "localhost", "port": OUR_PORT}
    again: dict[str, Any] = {"cycles": CYCLES_OF_FEW}
    return [
        Side("Turkle, one question", "turkle", there, [theirs["batch"]], seconds=2),
        Side("ours, one question", "link", here, [ours["one"]]),
        Side("ours, grid of 48", "link", here, [ours["full"]], cells=48),
        Side("ours, few slots open", "link", here, ours["few"], **again),
        Side("ours, many slots open", "link", here, [ours["many"]] * len(ours["few"]), **again),
        Side("ours, one, in a frame", "framed", here | {"hits": ours["framed"]["turns"]}, [ours["framed"]["batch"]]),
        Side(
            "ours, 48, in a frame",
            "framed",
            here | {"hits": ours["framed_full"]["turns"]},
            [ours["framed_full"]["batch"]],
            cells=48,
        ),
    ]


def take_turns(sides: list[Side], asked: argparse.Namespace) -> None:
    with ExitStack() as stack:
        staying = {side.name: at_work(stack, side, 0) for side in sides if len(side.batches) == 1}
        # The first round warms both servers up and is left out.
        for number in range(asked.rounds + 1):
            say(f"round {number} of {asked.rounds}; load {os.getloadavg()[0]:.1f}")
            for side in sides:
                with ExitStack() as passing:
                    clients = staying.get(side.name) or at_work(passing, side, number)
                    seconds = asked.seconds * side.seconds * (1 if number else 0.5)
                    result = clients.ask({"seconds": seconds, "cycles": side.cycles})
                side.done += result["cycles"]
                if number:
                    side.note(result)


def at_work(stack: ExitStack, side: Side, number: int) -> Clients:
    people = side.about.get("clients") or [
        f"A{side.name}{number}X{client:02}".upper().translate(NO_BLANKS) for client in range(CLIENTS)
    ]
    clients = Clients(side.kind, side.about | {"clients": people, "batch": side.batches[number]})
    stack.callback(clients.leave)
    return clients


def check(places: Places, sides: list[Side]) -> None:
    """What the clients were told is what is stored, and nobody was asked too often: else the figures mean nothing."""
    for side in sides:
        query = THEIR_ANSWERS if side.kind == "turkle" else OUR_ANSWERS
        database = connect(places, "turkle" if side.kind == "turkle" else DATABASE)
        with closing(database), database.cursor() as cursor:
            cursor.execute(query, {"batches": list(dict.fromkeys(side.batches)), "answers": ANSWERS})
            answers, cells, too_many = cursor.fetchone()
        if (answers, cells, too_many) != (side.done, side.done * side.cells, 0):
            raise SystemExit(
                f"{side.name}: {side.done} cycles, yet {answers} answers with {cells} cells are stored, "
                f"and {too_many} pieces of work were answered too often."
            )


def report(sides: list[Side]) -> None:
    turkle, ours = sides[:2]
    few, many = (next(side for side in sides if word in side.name) for word in ("few slots", "many slots"))
    loads = " ".join(f"{load:.1f}" for load in os.getloadavg())
    print(f"\n{os.cpu_count()} cores, load {loads}, {CLIENTS} clients; median of the rounds (lowest-highest)\n")
    steps = "  ".join(f"{step + ' p50/p95':>17}" for step in ("accept", "open", "hand in"))
    print(f"{'':24} {'cycles a second':>20}  {'times Turkle':>18}  {steps}  in ms")
    for side in sides:
        ratios = [own / their for own, their in zip(side.rates, turkle.rates, strict=True)]
        times = "  ".join(f"{side.percentile(step, 50):8.1f}/{side.percentile(step, 95):8.1f}" for step in STEPS)
        print(f"{side.name:24} {spread(side.rates):>20}  {spread(ratios):>18}  {times}")
    slowness = turkle.percentile("accept", 95) / ours.percentile("accept", 95)
    growth = many.percentile("accept", 95) / few.percentile("accept", 95)
    print(f"\np95 of a hand-out: Turkle's is {slowness:.1f} times ours.")
    print(f"With many open slots it is {growth:.2f} times what it is with {FEW:,}.")


def spread(figures: list[float]) -> str:
    return f"{statistics.median(figures):.1f} ({min(figures):.1f}-{max(figures):.1f})"


def say(message: str) -> None:
    print(f"-- {time.strftime('%H:%M:%S')} {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
