"""Pages say nothing meant for a shell: no command, no option, no name of Python's.

Every address of both URL tables is opened on a small study; new addresses are included automatically. Every place in
the code that makes an error or a remark is read as well: its message, and its way out for pages.
"""

import ast
import html
import itertools
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import signing
from django.db.models import Model
from django.http import FileResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from access.memberships.actions import invite
from access.models import Invitation, Membership, Role
from aggregation.models import QualityRule, RuleDecision
from api.actions import create_token
from api.models import ApiToken
from candidates import actions as candidates_actions
from candidates.actions import ensure_classifier, open_run, predict_next_portions, store_predictions
from candidates.models import PotentialLabel, Run, Unpredicted
from catalog.errors import UserError
from catalog.guide.reads import Content, PictureUse, Trait
from catalog.models import ClassExample, Classifier, Dataset, GuideEntry, GuidePicture, Image
from catalog.reads import now
from dashboard.participants.views import FORMS
from dashboard.payments.decisions import OF_ASSIGNMENT, OF_BATCH, SECOND_SALT
from dashboard.workers.rules import ACTS
from data_export.reads import exported_files
from jobs import actions as jobs_actions
from jobs.actions import do_next_job, start_job
from jobs.kinds import JobKind
from jobs.models import Job
from mturk.models import Call, ListedAssignment, MarketplaceHIT, Qualification
from review_task.actions import close_review, open_review
from review_task.blind.actions import open_blind_review
from review_task.models import ClassPage, Item, Review
from studies.guide.actions import add_image, write_entry
from tests.chance import SOAK
from tests.factories import (
    make_administrator,
    make_batch,
    make_class_example,
    make_dataset,
    make_form,
    make_grid,
    make_images,
    make_lease,
    make_member,
    make_worker,
)
from tests.factories import staff_client as staff_browser
from tests.factories import worker_client as worker_browser
from tests.required import require
from tests.review_task.panels import disputed_queue
from tests.test_boundaries import APART, ROOT, Source, our_sources
from tests.workforce.assignments_by_hand import make_assignment, offer
from workforce.actions import exclude_submission
from workforce.models import HIT, Batch, Lease, Report, Submission, Worker
from workforce.reads import pseudonym

STAFF, WORKER = "annotation_site.staff_urls", "annotation_site.worker_urls"
ROOMS = "|".join(sorted({source.room for source in our_sources()}))
FORBIDDEN = {
    "a command": re.compile(r"\./[a-z]+\b(?![./])"),
    "an option": re.compile(r"(?<![\w/-])--[a-z][\w-]*"),
    "a module": re.compile(rf"\b(?:{ROOMS})\.[a-z_]+"),
    "a value of Python's": re.compile(r"^None$|[^.!?\s]\s+None\b|[=(\[,'\"]None\b|\b(?:True|False)\b|\bTraceback\b"),
    "an object": re.compile(r"<class |<[A-Za-z_.]+ object|\bobject at 0x|<[A-Z]\w+: "),
    "an exception": re.compile(r"\b[A-Z][a-z]+\w*(?:Error|Exception)\b|\b[A-Z][A-Za-z]+\.DoesNotExist\b"),
    "a call": re.compile(r"\b[a-z][\w.]*\(\)"),
    "an attribute or argument": re.compile(r"\bhas no attribute\b|\bunexpected keyword argument\b|\bNoneType\b"),
    "a class or function of a library": re.compile(r"\b(?:torch\.nn|package\.module)\b"),
}
# Read by people; a file of rows or a picture has words of its own.
READ = {"text/html", "text/plain", "application/json", "application/vnd.oai.openapi+json"}
SPOKEN_ATTRIBUTES = {"alt", "aria-label", "content", "placeholder", "title", "value"}
SILENT_TAGS = {"script", "style"}


def programmers_words(text: str) -> list[str]:
    """Return the parts of a text that are meant for a shell or a programmer."""
    return [f"{kind}: {match[0]!r}" for kind, pattern in FORBIDDEN.items() for match in pattern.finditer(text)]


# The pages


class Spoken(HTMLParser):
    """Parser that gathers the texts of a page that people see or hear."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.silent = ""

    def handle_starttag(self, tag, attrs):
        self.silent = self.silent or (tag if tag in SILENT_TAGS else "")
        self.texts += [value for name, value in attrs if name in SPOKEN_ATTRIBUTES and value]

    def handle_endtag(self, tag):
        self.silent = "" if tag == self.silent else self.silent

    def handle_data(self, data):
        if not self.silent and data.strip():
            self.texts.append(" ".join(data.split()))


def texts_of(response) -> list[str]:
    kind = response.headers.get("Content-Type", "").split(";")[0]
    if kind not in READ:
        return []
    body = (b"".join(response) if response.streaming else response.content).decode()
    if kind == "text/html":
        page = Spoken()
        page.feed(body)
        return page.texts
    return list(_strings(json.loads(body))) if "json" in kind else body.splitlines()


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)
    elif isinstance(value, str):
        yield value


@pytest.fixture(autouse=True)
def places(settings, tmp_path):
    settings.MEDIA_ROOT, settings.MODELS_ROOT = tmp_path / "media", tmp_path / "models"
    settings.UPLOAD_ROOT, settings.IMPORT_ROOT = tmp_path / "uploads", tmp_path / "import"
    settings.FILE_UPLOAD_TEMP_DIR = settings.UPLOAD_ROOT / "incoming"
    # Nobody listens there: the pages that ask the marketplace say so.
    keys = {"endpoint_url": "http://127.0.0.1:9", "access_key_id": "AKIANOBODY", "secret_access_key": "secret"}
    settings.MTURK = settings.MTURK | keys


@pytest.fixture
def study(db) -> Dataset:
    """Return a dataset with everything that pages show, each at least once, failures included."""
    dataset = make_dataset(name="a study", contains_answers=2, classify_answers=1, min_shown=5)
    images = make_images(dataset, 4)
    spoilt = Image.objects.filter(pk=images[3].pk)
    spoilt.update(pictures_problem="damaged file (cause unknown): replace it with an intact copy")
    label = dataset.label_set.labels.get(index=0)
    for image in images:
        sources = [{"classifier": "elsewhere", "rank": 1}]
        PotentialLabel.objects.create(image=image, label=label, is_dataset_label=True, sources=sources)
    make_form(image=images[0], labels=(0, 1))
    batch = make_batch(dataset, min_votes=5, max_votes=9, accept=0.9, reject=0.1, initial_images=1)
    make_grid(batch=batch, images=images[:3])
    lease = make_lease(batch, make_worker("anna"))
    Report.objects.create(lease=lease, kind="pictures", words="They are grey.")
    run_that_stands_still(dataset, images[2])
    published_batch(dataset, images)
    question_of_a_rule(dataset, lease.worker)
    jobs_with_problems(dataset)
    first = open_review(dataset=dataset, title="a review that is over")
    close_review(review=first)
    said = [(image.name, label) for image in images for label in range(2)]
    close_review(review=open_blind_review(earlier=first, title="a blind review", labels=said))
    open_review(dataset=dataset, title="a review", n_reviewers=2)
    disputed_queue(dataset, images[0], Classifier.objects.get())
    owner = make_member(dataset, Role.OWNER)
    write_about(dataset, images[0], owner)
    make_class_example(dataset)
    create_token(name="reader", dataset=dataset)
    return dataset


def write_about(dataset: Dataset, image: Image, author: User) -> None:
    """Write an entry of the guide, and one of a pair of classes, in two versions."""
    picture = add_image(dataset=dataset, image=image, by=author)
    contents = [
        Content("One class", (0,), "It is **grey**.", pictures=(PictureUse(picture.public_id, "A caption."),)),
        Content("Two classes", (0, 1), traits=(Trait("colour", {0: "grey"}),)),
    ]
    for content in contents:
        write_entry(dataset=dataset, content=content, by=author, entry=None, based_on=0)
        write_entry(dataset=dataset, content=replace(content, body="Brown."), by=author, entry=None, based_on=1)


# As Python says them: an attribute of nothing, a key that is missing.
NOTHING: dict[type, str] = {}
FAULTS: dict[str, Callable[[], object]] = {
    "an attribute": lambda: getattr(None, "pk"),  # noqa: B009
    "a key": lambda: NOTHING[Run],
}


@pytest.fixture(params=[[name] for name in FAULTS] if SOAK else [list(FAULTS)], ids=" and ".join)
def broken_study(study, request, monkeypatch) -> Dataset:
    """Return the study with a run and a job of each kind that ended with a fault of the site, of one kind in turn."""
    faults = itertools.cycle(request.param)

    def break_down(*args: object) -> list[str]:
        raise AssertionError(f"This is no fault: {FAULTS[next(faults)]()}")

    Run.objects.update(problem="")
    monkeypatch.setattr(candidates_actions, "loaded", break_down)
    assert predict_next_portions()
    assert Run.objects.exclude(problem="").exists()
    monkeypatch.setattr(jobs_actions, "kind_of", lambda job: JobKind(break_down))
    asker = make_administrator().get_username()
    for kind in Job.Kind:
        start_job(dataset=study, kind=kind, arguments={}, asked_by=asker)
    while do_next_job():
        pass
    return study


def run_that_stands_still(dataset: Dataset, image: Image) -> None:
    classifier = ensure_classifier(label_set=dataset.label_set, name="elsewhere")
    store_predictions(classifier=classifier, predictions=[(image.pk, [0, 1, 2, 3], [])])
    run = require(open_run(dataset=dataset, classifier=classifier, n_classes=4))
    Run.objects.filter(pk=run.pk).update(problem="There is no file onnx:small.onnx: write the path of an ONNX network.")
    Unpredicted.objects.create(run=run, image=image, reason="no file: import the image first")


def published_batch(dataset: Dataset, images: list[Image]) -> None:
    """Publish a batch with a pending and an excluded assignment, reports, a compensation, and a failed call."""
    batch = make_batch(dataset, marketplace=Batch.Marketplace.MTURK)
    hits = [make_grid(batch=batch, images=[image]).hit for image in images[:2]]
    for hit in hits:
        assignment = make_assignment(hit, offer(hit))
        lease = Lease.objects.get(pk=assignment.lease.pk)
        submission = Submission.objects.create(
            lease=lease,
            hit=hit,
            worker=lease.worker,
            answer={"selected": [], "shown": []},
            assignment=assignment,
            settings=batch.settings,
            state="provisional",
            submitted_at=now(),
            idempotency_key=f"key-of-{lease.pk}-0123456789",
        )
        Report.objects.create(lease=lease, kind="question", words="What is a thing?")
        ListedAssignment.objects.create(
            marketplace_hit=MarketplaceHIT.objects.get(hit=hit),
            external_id=f"3ASSIGNMENT{hit.pk}",
            worker=lease.worker,
            submission=submission,
            finding="recovered",
            status="submitted",
            accepted_at=lease.created_at,
            submitted_at=lease.created_at,
            answer="<nothing/>",
        )
    exclude_submission(submission=submission, reason="It was sent without looking.")
    offered = MarketplaceHIT.objects.filter(hit=hits[0]).get()
    kind = Qualification.objects.create(name="Compensation", description="For your work.")
    MarketplaceHIT.objects.create(
        hit=hits[0],
        terms=offered.terms,
        n_assignments=1,
        expires_at=offered.expires_at,
        compensates=lease.worker,
        qualification=kind,
        external_id="3COMPENSATION",
    )
    error = "HITDoesNotExist: It is gone."
    Call.objects.create(op="CreateHIT", purpose="create:1", payload={}, batch=batch, state="failed", last_error=error)


def question_of_a_rule(dataset: Dataset, worker: Worker) -> None:
    rule = QualityRule.objects.create(
        dataset=dataset, measure="recall", condition="below", threshold=0.5, fewest=1, action="ask_a_person"
    )
    RuleDecision.objects.create(rule=rule, worker=worker, reason="Few controls passed.")


def jobs_with_problems(dataset: Dataset) -> None:
    """Do one job of each kind that fails, each for another reason; simulated people find a batch that costs money."""
    dataset.settings_versions.update(classifiers=["nowhere"])
    bare = {"again": False, "adaptive": None, "pay": {"hits_per_worker": 0}, "pairs": None, "similar": None}
    arguments_of: dict[Job.Kind, dict[str, Any]] = {
        Job.Kind.IMPORT_IMAGES: {"server": "absent", "words": "absent"},
        Job.Kind.PREDICT: {"names": ["resnet50"]},
        Job.Kind.POTENTIAL_LABELS: {},
        Job.Kind.OPEN_CONTAINS: bare | {"profile": None},
        Job.Kind.SIMULATE: {},
    }
    asker = make_administrator().get_username()
    for kind, arguments in arguments_of.items():
        start_job(dataset=dataset, kind=kind, arguments=arguments, asked_by=asker)
    while do_next_job():
        pass
    assert Job.objects.exclude(problem="").count() == len(Job.Kind)


def routes(resolver: URLResolver, start: str = "") -> Iterator[tuple[str, dict[str, str]]]:
    """Yield every address of a URL table, with the kinds of its parts by name."""
    for pattern in resolver.url_patterns:
        route = start + str(pattern.pattern).lstrip("^")
        if isinstance(pattern, URLPattern):
            yield route, {name: kind or "str" for kind, name in re.findall(r"<(?:(\w+):)?(\w+)>", route)}
        else:
            yield from routes(pattern, route)


# Which rows an address names by number, by the beginning of its route, or by a public ID, by the name of the part.
# An address that is missing here is opened with the IDs of all rows that pages show.
NUMBERED: dict[str, type[Model]] = {
    "setup/stop/": Job,
    "setup/report/<int:pk>.txt": Job,
    "setup/report/<int:pk>/": Report,
    "setup/stop_run/": Run,
    "setup/close/": Batch,
    "setup/publish": Batch,
    "setup/links/": Batch,
    "setup/assignment/": ListedAssignment,
    "setup/rule-decision/": RuleDecision,
    "setup/submission/": Submission,
    "setup/member/": Membership,
    "setup/review/": Job,
    "review/class/": ClassPage,
    "review/": Review,
    "consensus/": Review,
    "mistakes/": Review,
    "setup/invitation/": Invitation,
    "setup/token/": ApiToken,
    "tokens/": ApiToken,
    "guide/": GuideEntry,
}
PUBLIC: dict[str, type[Model]] = {"batch_id": Batch, "hit_id": HIT, "lease_id": Lease}


def values_of(dataset: Dataset) -> dict[str, list[str]]:
    """Return the values for the parts of addresses, by the name of the part, or else by its kind."""
    administrator = a_researcher()
    _, secret = invite(dataset=dataset, role=Role.READER, by=administrator)
    rows = (Batch, Run, Job, ListedAssignment, Report, Dataset, Membership, Invitation, ApiToken)
    by_public_id = (Batch, HIT, Image, Item, MarketplaceHIT, Lease, GuidePicture, ClassExample)
    ids = sorted({pk for model in rows for pk in model.objects.values_list("pk", flat=True)})
    public_ids = [value for model in by_public_id for value in model.objects.values_list("public_id", flat=True)]
    workers = Lease.objects.filter(takes_slot=False).values_list("worker", flat=True)
    decision = {
        "listed": require(ListedAssignment.objects.first()).pk,
        "reason": "It is empty.",
        "by": administrator.pk,
    }
    return {
        "int": list(map(str, ids)),
        "slug": public_ids,
        # A lease opens no picture by a handle that is not its own, whichever that is.
        "handle": public_ids[:1],
        "path": [dataset.name],
        "token": [signing.dumps(decision, salt=SECOND_SALT, compress=True)],
        "secret": [secret],
        "act": sorted({*FORMS, *ACTS, "reinstate", "withdraw"}),
        "decision": sorted({*OF_BATCH, *OF_ASSIGNMENT}),
        "kind": sorted(exported_files()),
        "format": ["csv", "jsonl", "html"],
        "worker": [pseudonym(dataset, pk) for pk in workers],
        "classifier": [str(Classifier.objects.get().pk)],
        "address": ["nowhere"],
        "of": ["unsure"],
        "first": ["nobody"],
        "second": ["nobody"],
        **{name: list(model._default_manager.values_list("public_id", flat=True)) for name, model in PUBLIC.items()},
        "side": ["240"],
        "size": ["small"],
        "number": ["1"],
        "index": [str(dataset.label_set.labels.order_by("index").values_list("index", flat=True)[0])],
    }


def numbers_of(route: str) -> list[str]:
    """Return the numbers of the rows that an address of this route names, and one of none; without a row, nothing."""
    ids = [
        model._default_manager.values_list("pk", flat=True)
        for start, model in NUMBERED.items()
        if route.startswith(start)
    ]
    return [*map(str, ids[0]), "2000000000"] if ids else []


def a_researcher():
    client = staff_browser()
    return client.get("/").wsgi_request.user


def addresses_of(table: str, dataset: Dataset) -> dict[str, list[str]]:
    """Return the addresses to open by their route: each with everything that may stand in it."""
    values = values_of(dataset)
    addresses: dict[str, list[str]] = {}
    for route, parts in routes(get_resolver(table)):
        numbers = numbers_of(route)
        choices = [(name == "pk" and numbers) or values.get(name) or values[kind] for name, kind in parts.items()]
        addresses[route] = []
        for values_of_route in product(*choices):
            address = route
            for part in values_of_route:
                address = re.sub(r"<[^>]+>", part.replace("\\", ""), address, count=1)
            addresses[route].append("/" + address)
    return addresses


def complaints_about(client: Client, addresses: list[str], method: str, **data: object) -> tuple[list[str], set[int]]:
    complaints, statuses = [], set()
    for address in addresses:
        response = getattr(client, method)(address, **data)
        statuses.add(response.status_code)
        complaints += [
            f"{address}: {fault} in {text[:200]!r}" for text in texts_of(response) for fault in programmers_words(text)
        ]
        if isinstance(response, FileResponse):
            # Read to its end it is closed.
            assert b"".join(response)
    return complaints, statuses


def walk(client: Client, table: str, dataset: Dataset, method: str, below: str = "", **data: object):
    """Open every address of a table. Return by route what was answered; fail on what is said to programmers."""
    complaints, answered = [], {}
    routes_below = {route: paths for route, paths in addresses_of(table, dataset).items() if route.startswith(below)}
    for route, addresses in routes_below.items():
        new_complaints, answered[route] = complaints_about(client, addresses, method, **data)
        complaints += new_complaints
    assert not complaints, "\n".join(sorted(set(complaints)))
    return answered


# These are asked for what is not there: the REST interface's last address, two workers who are strangers, pictures
# that only a hold opens, the answer of a provider that this site has not, and the file of a review, which is read in a
# transaction of its own.
EMPTY_ADDRESSES = {
    "agreement/workers/<slug:first>/<slug:second>/<path:name>/",
    "api/v1/<path:address>/",
    "i/<slug:lease_id>/cell/<slug:handle>.jpg",
    "i/<slug:lease_id>/<int:side>/<slug:handle>",
    "login/sso/callback/",
    "review/example/<slug:public_id>.jpg",
    "setup/review/<int:pk>/file.<slug:format>",
}


@pytest.mark.parametrize("method", ["get", "post"])
def test_no_staff_page_speaks_to_somebody_at_a_shell(study, method):
    answered = walk(staff_browser(), STAFF, study, method, follow=True)
    silent = {route for route, statuses in answered.items() if statuses <= {404}}
    assert silent <= EMPTY_ADDRESSES, "the study has nothing for these addresses to show"


def test_no_staff_page_repeats_what_a_fault_of_ours_says(broken_study):
    walk(staff_browser(), STAFF, broken_study, "get", follow=True)


def test_the_rest_interface_speaks_to_readers_and_not_to_somebody_at_a_shell(study):
    key = create_token(name="reader")[1]
    answered = walk(staff_browser(), STAFF, study, "get", "api/", headers={"authorization": f"Bearer {key}"})
    assert answered["api/v1/schema/"] == {200}


@pytest.mark.parametrize(("method", "person"), [("get", ""), ("get", "anna"), ("get", "nobody"), ("post", "anna")])
def test_no_worker_page_speaks_to_somebody_at_a_shell(study, method, person):
    query = {"QUERY_STRING": f"worker={person}"} if person else {}
    answered = walk(worker_browser(), WORKER, study, method, **query)
    if method == "get" and person == "anna":
        silent = {route for route, statuses in answered.items() if statuses <= {404}}
        assert silent <= EMPTY_ADDRESSES | {"i/<slug:lease_id>/<slug:handle>.jpg", "e/<slug:public_id>.jpg"}


def test_a_worker_in_a_frame_is_not_spoken_to_as_at_a_shell(study):
    ids = {"assignmentId": "3NEW", "hitId": "3COMPENSATION", "workerId": "ANOBODY1234"}
    walk(worker_browser(), WORKER, study, "get", data=ids)
    walk(worker_browser(), WORKER, study, "get", data=ids | {"assignmentId": "ASSIGNMENT_ID_NOT_AVAILABLE"})


# The code

TEXT_CALLS = {"Remark", "ValidationError", "add_error", "success", "error", "warning"}
NOT_SAID_ON_PAGES = {"shell", "code", "params"}
# Only what an HTML page or a form says: `log.error(…)` and `self.stderr` are for others.
SPEAKERS = {"messages", "form", "self"}
Assigned = dict[str, list[ast.expr]]


def refusal_names(trees: list[ast.Module]) -> set[str]:
    """Return the names of UserError and of all classes below it, and of functions that make one."""
    names = {"UserError"}
    while True:
        more = {
            node.name
            for tree in trees
            for node in ast.walk(tree)
            if (isinstance(node, ast.ClassDef) and {ast.unparse(base).split(".")[-1] for base in node.bases} & names)
            or (isinstance(node, ast.FunctionDef) and node.returns and ast.unparse(node.returns) in names)
        }
        if more <= names:
            return names
        names |= more


def assigned_in(trees: Sequence[ast.AST]) -> Assigned:
    """Return the values assigned to each name, and the texts that functions of that name return."""
    values: Assigned = defaultdict(list)
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and node.value:
                for target in node.targets:
                    values[ast.unparse(target)].append(node.value)
            elif isinstance(node, ast.FunctionDef) and node.returns and ast.unparse(node.returns) == "str":
                returned = [part.value for part in ast.walk(node) if isinstance(part, ast.Return) and part.value]
                values[f"{node.name}()"] += returned
    return values


def literals(node: ast.expr, local: Assigned, everywhere: Assigned, depth: int = 3) -> Iterator[str]:
    """Yield the texts that a value is put together from, through the names and functions in it."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value
        elif isinstance(part, ast.Name) and depth:
            constants = everywhere if part.id.isupper() else local
            for value in constants.get(part.id, []):
                yield from literals(value, local, everywhere, depth - 1)
        elif isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and depth:
            for value in local.get(f"{part.func.id}()", []):
                yield from literals(value, local, everywhere, depth - 1)


def said_on_pages(call: ast.Call, everywhere: Assigned) -> Iterator[ast.expr]:
    """Yield the arguments of a refusal or remark that a page shows."""
    yield from call.args
    for keyword in call.keywords:
        if keyword.arg is not None and keyword.arg not in NOT_SAID_ON_PAGES:
            yield keyword.value
        elif keyword.arg is None and isinstance(keyword.value, ast.Name):
            for value in everywhere.get(keyword.value.id, []):
                for key, way_out in zip(value.keys, value.values, strict=True) if isinstance(value, ast.Dict) else ():
                    if isinstance(key, ast.Constant) and key.value == "page":
                        yield way_out


def makes_words(call: ast.Call, refusals: set[str]) -> bool:
    if isinstance(call.func, ast.Name):
        return call.func.id in refusals | TEXT_CALLS
    if not isinstance(call.func, ast.Attribute):
        return False
    speaker = ast.unparse(call.func.value).split(".")[-1]
    return call.func.attr in refusals or (call.func.attr in TEXT_CALLS and speaker in SPEAKERS)


def shell_words_for_pages(sources: list[Source], house: list[ast.Module]) -> Iterator[str]:
    """Yield every literal for a page that a refusal, remark or form holds, with what in it is for a shell."""
    refusals, everywhere = refusal_names(house), assigned_in(house)
    for source in sources:
        functions = {name: values for name, values in assigned_in([source.tree]).items() if name.endswith("()")}
        for part in scopes(source.tree):
            local = functions | assigned_in([part])
            for node in ast.walk(part):
                if isinstance(node, ast.Call) and makes_words(node, refusals):
                    for argument in said_on_pages(node, everywhere):
                        for text in literals(argument, local, everywhere):
                            for fault in programmers_words(text):
                                yield source.at(node, f"{fault} in {text!r}")


def scopes(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the functions and methods of a module, and the statements between them."""
    for node in tree.body:
        yield from node.body if isinstance(node, ast.ClassDef) else [node]


@lru_cache
def house() -> list[Source]:
    """Return the files whose refusals pages may show: commands and what starts the site speak to a shell alone."""
    return [
        source
        for source in our_sources()
        if source.room not in (APART, "launcher") and "/management/" not in source.name
    ]


def test_no_error_or_remark_speaks_to_a_page_in_words_of_the_shell():
    complaints = list(shell_words_for_pages(house(), [source.tree for source in house()]))
    assert not complaints, "\n".join(complaints)


def test_every_class_of_errors_is_read():
    """Check that the walk over the code sees every class that exists when the site runs."""
    names = refusal_names([source.tree for source in house()])

    def below(kind: type[Exception]) -> set[str]:
        return {kind.__name__}.union(*(below(part) for part in kind.__subclasses__()))

    assert {name for name in below(UserError) if not name.startswith("_")} <= names
    assert len(below(UserError)) > 40


# What the interpreter and libraries raise under these names speaks of modules, arguments and attributes.
# (What decoders say of a damaged file is for its owner, and they raise what they like.)
OF_PROGRAMMERS = {"Exception", "AttributeError", "ImportError", "KeyError", "RuntimeError", "TypeError"}
DECODING = {"candidates/classifiers/loading.py", "catalog/photographs/reads.py", "data_import/sources/archive.py"}


def quoted_faults(sources: list[Source], house: list[ast.Module]) -> Iterator[str]:
    """Yield every refusal that quotes such an error to a page."""
    refusals, everywhere = refusal_names(house), assigned_in(house)
    for source in sources:
        for handler in ast.walk(source.tree):
            if isinstance(handler, ast.ExceptHandler) and handler.name and caught_by(handler) & OF_PROGRAMMERS:
                local = assigned_in(handler.body)
                nodes = [node for part in handler.body for node in ast.walk(part)]
                for call in (node for node in nodes if isinstance(node, ast.Call) and makes_words(node, refusals)):
                    if any(quotes(text, handler.name, local) for text in said_on_pages(call, everywhere)):
                        yield source.at(call, f"what {' or '.join(sorted(caught_by(handler)))} says")


def caught_by(handler: ast.ExceptHandler) -> set[str]:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type] if handler.type else []
    return {ast.unparse(kind).split(".")[-1] for kind in kinds}


def quotes(text: ast.expr, error: str, local: Assigned) -> bool:
    """Tell whether a text holds an error whole: the error itself, or the result of a function of it."""
    for part in ast.walk(text):
        # An attribute of the error, such as the system's own words in `strerror`, is no quotation.
        if isinstance(part, ast.FormattedValue):
            words = with_arguments(part.value)
        elif isinstance(part, ast.Dict):
            # Values for the named placeholders of a text.
            words = [word for value in part.values for word in with_arguments(value)]
        else:
            words = with_arguments(part) if isinstance(part, ast.Call) else []
        if any(ast.unparse(word) == error for word in words):
            return True
        if isinstance(part, ast.Name) and any(quotes(value, error, {}) for value in local.get(part.id, [])):
            return True
    return False


def with_arguments(value: ast.expr) -> list[ast.expr]:
    """Return a value, with the arguments of the call that it may be."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) != "getattr":
        return [value, *value.args]
    return [value]


def test_no_error_quotes_a_fault_of_the_code_to_a_page():
    read = [source for source in house() if source.name not in DECODING]
    complaints = list(quoted_faults(read, [source.tree for source in house()]))
    assert not complaints, "\n".join(complaints)


QUOTING = {
    "raise UserError(f'No such model ({error}).')": True,
    "raise UserError('No: ' + str(error))": True,
    "raise UserError('No.', page=f'{reason_in(error)}')": True,
    "words = f'No: {error}'\n    raise UserError(words)": True,
    "raise UserError(gettext('No: %(error)s') % {'error': error})": True,
    "raise UserError(gettext('No: %(error)s') % {'error': str(error)})": True,
    "raise UserError('No.', shell=gettext('No: %(error)s') % {'error': error})": False,
    "raise UserError(gettext('No: %(error)s') % {'error': error.strerror})": False,
    "raise UserError('No.', shell=f'It says: {error}.')": False,
    "raise UserError(f'No: {error.strerror}.')": False,
    "raise UserError(f'No: {getattr(error, \"strerror\", None)}.')": False,
}


@pytest.mark.parametrize("raised", QUOTING)
def test_a_quoted_fault_is_detected(tmp_path, raised):
    source = source_of(tmp_path, f"try:\n    f()\nexcept (ImportError, OSError) as error:\n    {raised}\n")
    assert bool(list(quoted_faults([source], [source.tree]))) == QUOTING[raised]


SEEDS = {
    "a command": "raise UserError('Compute them first: ./manage predict.')",
    "an option in an f-string": "raise UserError(f'{n} is too few: give --min-votes {n}.')",
    "a way out of pages": "raise UserError('No.', page='Give --again.')",
    "a subclass": "class Own(UserError):\n    pass\nraise Own('There is none. ./run installs it.')",
    "a constant": "WAY = 'Use --set.'\nraise UserError(f'None. {WAY}')",
    "both ways out": "WAYS = {'shell': 'x', 'page': './manage close ends it.'}\nraise UserError('No.', **WAYS)",
    "a name in between": "def f():\n    words = 'Add --lift.'\n    raise UserError(words)",
    "a function": "def why() -> str:\n    return 'Add --lift.'\nraise UserError(why())",
    "a method": "class A:\n    def f(self):\n        raise UserError('Add --lift.')",
    "a maker": "def lost() -> UserError:\n    return UserError('Call torch.save() first.')",
    "a remark": "Remark('5 were opened; --again opens them once more.')",
    "a form": "form.add_error(None, 'Use ./manage import.')",
    "a class": "raise UserError('It is a catalog.models of ours.')",
    "a class of a library": "raise UserError('It must return a torch.nn.Module.')",
    "how a function is named": "raise UserError('There is none; write torch:package.module:function.')",
}
HARMLESS = {
    "the shell's own way out": "raise UserError('There is none.', shell='./manage predict --here makes them.')",
    "both ways out": "WAYS = {'shell': './manage x', 'page': 'The page X.'}\nraise UserError('No.', **WAYS)",
    "a name elsewhere": "def f():\n    words = '--x'\n\n\ndef g(words):\n    raise UserError(words)",
    "a log": "log.error('%s: see --help', name)",
    "a dash": "raise UserError('Grids - 5 -- are too few; e-mail us at the page a-b.')",
    "an English none": "raise UserError('None of them fits. None: this one.')",
}


def source_of(tmp_path: Path, text: str) -> Source:
    path = tmp_path / "catalog" / "reads.py"
    path.parent.mkdir()
    path.write_text(text)
    return Source(tmp_path, path)


def complaints_of(tmp_path: Path, text: str) -> list[str]:
    source = source_of(tmp_path, text)
    return list(shell_words_for_pages([source], [source.tree]))


@pytest.mark.parametrize("seed", SEEDS)
def test_words_of_the_shell_are_detected(tmp_path, seed):
    assert complaints_of(tmp_path, SEEDS[seed])


@pytest.mark.parametrize("text", HARMLESS)
def test_correct_errors_are_left_alone(tmp_path, text):
    assert not complaints_of(tmp_path, HARMLESS[text])


PAGES = {
    "<p>Run <code>./manage export</code>.</p>": True,
    '<input placeholder="--dataset NAME">': True,
    "<td>None</td>": True,
    "<p>A fault: ValueError('no')</p>": True,
    "<p>&lt;Batch: 3&gt; is closed</p>": True,
    "<p>call state_dict() first</p>": True,
    "<p>see mturk.publishing.actions</p>": True,
    "<p>A fault of ours: 'NoneType' object has no attribute 'pk'.</p>": True,
    "<style>a { --gap: 1px }</style><script>f(); x--y; None</script><p>Fine.</p>": False,
    '<p class="--tall">5 -- 6, well-known; the file is a.b</p><p>None ticked: all.</p>': False,
}


@pytest.mark.parametrize("body", PAGES)
def test_forbidden_words_are_detected_in_the_texts_of_a_page_alone(body):
    page = Spoken()
    page.feed(body)
    assert any(map(programmers_words, page.texts)) == PAGES[body]


def test_no_template_holds_a_command_or_an_option():
    template_code = re.compile(r"\{%.*?%\}|\{#.*?#\}|\{\{.*?\}\}", re.DOTALL)
    complaints = []
    for path in sorted((ROOT / "templates").rglob("*.html")):
        page = Spoken()
        page.feed(template_code.sub(" ", html.unescape(path.read_text(encoding="utf-8"))))
        complaints += [f"{path.name}: {fault}" for text in page.texts for fault in programmers_words(text)]
    assert not complaints, "\n".join(complaints)
