"""A study with a subject for every address of the staff origin, people of every role, and requests without a trace."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core import signing
from django.db import transaction
from django.http import FileResponse
from django.test import Client
from django.urls import URLPattern, URLResolver

from access.memberships.actions import invite
from access.models import Membership, Role
from aggregation.models import QualityRule, RuleDecision
from annotation_site import staff_urls
from api.actions import create_token
from candidates.models import Run
from catalog.guide.reads import Content, PictureUse
from catalog.models import Classifier, Prediction
from catalog.reads import now
from dashboard.participants.views import FORMS
from dashboard.payments.decisions import OF_ASSIGNMENT, OF_BATCH, SECOND_SALT
from data_export.reads import FORMATS
from jobs.models import Job
from mturk.models import Call, ListedAssignment
from review_task.actions import open_review
from studies.guide.actions import add_image, write_entry
from tests.annotation_site.matrix import writes
from tests.dashboard.participants.test_participants_pages import report_problem
from tests.factories import (
    make_batch,
    make_class_example,
    make_dataset,
    make_grid,
    make_member,
    make_worker,
    sign_in,
    staff_client,
    unique,
)
from tests.required import Page
from tests.review_task.panels import disputed_queue
from tests.rows_of_a_module import rows_of_a_module
from tests.workforce.assignments_by_hand import make_offered_grid
from tests.workforce.test_frame_pages import Frame
from workforce.exclusions.actions import exclude_at_once
from workforce.models import Submission
from workforce.reads import pseudonym

FAR = datetime(2100, 1, 1, tzinfo=UTC)
# What most decisions need to be carried out.
BODY = {"reason": "Nothing was answered.", "amount": "0.10", "days": "30", "level": "0.30", "newest": 10**9}
BODY |= {"pages": "https://birds.example/crane"}
BODY |= {"verdict": "correct", "words": "A mug.", "kind": "confusable"}
BODY |= {"id": "a participant", "ids": "a participant"}
BODY |= {"title": "Cranes", "classes": "1", "body": "Grey, with a long neck.", "based_on": "2"}
BODY |= {"role": "labeler", "name": "a token", "scopes": "read_annotations", "study": "all"}
BODY |= {"title": "another review", "n_reviewers": "1"}
ABSENT, NO_NUMBER = "absent", 10**9
SOAK = bool(os.environ.get("SOAK"))
# In the short form: who may do everything in another study, and who may do least of those who see its results.
FOREIGN_ROLES = (Role.OWNER, Role.READER)
VISITOR, WITHOUT_ROLE, ADMINISTRATOR, FOREIGN = "visitor", "without a role", "administrator", "foreign "


@dataclass(frozen=True)
class Address:
    """An address of the table: its route, the name of its pattern ("" without one), and the types of its arguments."""

    route: str
    name: str
    types: dict[str, str]

    def __str__(self) -> str:
        return self.route


def addresses(patterns: Iterable[URLPattern | URLResolver], before: str = "") -> Iterator[Address]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, route)
        else:
            types = {name: kind for kind, name in re.findall(r"<(?:(\w+):)?(\w+)>", route)}
            yield Address(route, pattern.name or "", types)


STAFF_ADDRESSES = list(addresses(staff_urls.urlpatterns))


class Study:
    """A published batch somebody worked on and reported a problem of, a batch of a link, a run, and a job.

    `clients` are browsers by the name of a person: nobody signed in, an account without a role, a site administrator,
    for each role somebody who has it here ("reader"), and for some somebody who has it elsewhere ("foreign reader").
    """

    def __init__(self) -> None:
        grid, external_hit_id = make_offered_grid()
        report = report_problem(Frame(grid.hit, external_hit_id))
        self.batch, self.dataset = grid.hit.batch, grid.hit.batch.dataset
        self.image = self.dataset.images.first()
        self.open_batch = make_batch(self.dataset)
        make_grid(batch=self.open_batch, images=[self.image])
        listed = self.listed()
        classifier = Classifier.objects.create(name="net", label_set=self.dataset.label_set, network="net")
        Prediction.objects.create(classifier=classifier, image=self.image, labels=[0])
        run = Run.objects.create(dataset=self.dataset, classifier=classifier, top_k=5)
        job = Job.objects.create(dataset=self.dataset, kind=Job.Kind.PREDICT, asked_by="x", started_at=now())
        first = get_user_model().objects.create_user(unique("first"), is_staff=True)
        asked = {"listed": listed.pk, "reason": BODY["reason"], "by": first.pk}
        # Per pattern, the arguments that name subjects; several to be tried one after the other.
        of_batch: dict[str, list[Any]] = {"pk": [self.batch.pk]}
        of_listed: dict[str, list[Any]] = {"pk": [listed.pk]}
        worker: dict[str, list[Any]] = {"worker": [pseudonym(self.dataset, report.lease.worker_id)]}
        self.arguments: dict[str, dict[str, list[Any]]] = {
            "setup-stop-run": {"pk": [run.pk]},
            "setup-label": {"index": [0]},
            "label-class": {"index": [0]},
            "class-example": {"size": ["small"], "public_id": [make_class_example(self.dataset).public_id]},
            "setup-close-batch": {"pk": [self.open_batch.pk]},
            "stop-job": {"pk": [job.pk]},
            "job-report": {"pk": [job.pk]},
            "file-of-rows": {"kind": ["predictions", "contains_votes"], "format": [*FORMATS]},
            "file-of-predictions": {"classifier": [classifier.pk]},
            "setup-publish": {"pk": [self.open_batch.pk, self.batch.pk]},
            "setup-compensate": of_batch | worker,
            "setup-about-batch": of_batch | {"decision": [*OF_BATCH]},
            "setup-assignment": of_listed,
            "setup-approve": of_listed,
            "setup-about-assignment": of_listed | {"decision": [*OF_ASSIGNMENT]},
            "setup-second": {"token": [signing.dumps(asked, salt=SECOND_SALT, compress=True)]},
            "study-rule-decision": {"pk": [self.decision(report.lease.worker_id)], "act": ["reverse"]},
            "study-worker": worker,
            "study-about-worker": worker | {"act": ["exclude", "readmit"]},
            "study-submission": {"pk": [Submission.objects.filter(lease=report.lease).values_list("pk", flat=True)[0]]},
            "setup-about-report": {"pk": [report.pk], "act": [*FORMS]},
        }
        self.arguments |= {f"setup-{name}": of_batch for name in ("published", "compare", "resend", "approve-all")}
        review = open_review(dataset=self.dataset, title="a review")
        of_review: dict[str, list[Any]] = {"pk": [review.pk], "index": [0], "number": [1]}
        names = ("review", "next-class", "review-label", "assign-classes", "unassign-class", "add-predictions")
        self.arguments |= dict.fromkeys((*names, "add-problem-reason", "close-review"), of_review)
        self.arguments |= dict.fromkeys(("review-again", "review-outcome", "review-outcome-file"), of_review)
        self.arguments["file-of-review"] = {"pk": [review.pk], "format": ["json", "jsonl"]}
        self.arguments |= dict.fromkeys(("class-page", "store-presses"), {"pk": [review.pages.get().pk]})
        queue, item = disputed_queue(self.dataset, self.image, classifier)
        of_queue = ("consensus", "next-dispute", "mistakes-of-queue", "mistake-images", "mistakes-file")
        self.arguments |= dict.fromkeys(of_queue, {"pk": [queue.pk]})
        of_item = ("discussion", "settle-item", "open-item-again", "comment-on-item", "pair-mistake")
        self.arguments |= dict.fromkeys(of_item, {"public_id": [item.public_id]})
        invitation, secret = invite(dataset=self.dataset, role=Role.READER, by=first)
        token, _ = create_token(name="reader", dataset=self.dataset)
        member = Membership.objects.get(user=make_member(self.dataset, Role.READER))
        self.arguments |= {
            "change-member": {"pk": [member.pk]},
            "remove-member": {"pk": [member.pk]},
            "revoke-invitation": {"pk": [invitation.pk]},
            "revoke-study-token": {"pk": [token.pk]},
            "revoke-token": {"pk": [token.pk]},
            "invitation": {"secret": [secret]},
        }
        exclude_at_once(submissions=Submission.objects.filter(lease=report.lease), reason="robots", step="0123abcd")
        self.arguments |= {
            "setup-include-again": {"step": ["0123abcd"]},
            "setup-links": {"pk": [self.open_batch.pk]},
            "agreement-images": {"of": ["unsure"]},
            "agreement-workers": {"first": worker["worker"], "second": ["0123456789abcdef"]},
        }
        self.arguments |= self.guide(first)
        self.elsewhere = make_dataset()
        self.people = {ADMINISTRATOR: get_user_model().objects.create_user(unique("administrator"), is_staff=True)}
        self.people[WITHOUT_ROLE] = get_user_model().objects.create_user(unique("guest"))
        for role in Role:
            self.people[role.value] = make_member(self.dataset, role)
            if SOAK or role in FOREIGN_ROLES:
                self.people[FOREIGN + role] = make_member(self.elsewhere, role)
        self.clients = {VISITOR: staff_client(signed_in=False)}
        for name, person in self.people.items():
            self.clients[name] = staff_client(signed_in=False)
            # A module's tests may take longer than a session goes unnoted, or a proof is fresh.
            sign_in(self.clients[name], person, later=86_400)

    def decision(self, worker_id: int) -> int:
        """A warning of a rule about a worker."""
        rule = QualityRule.objects.create(
            dataset=self.dataset, measure="recall", condition="below", threshold=0.5, fewest=1, action="warn"
        )
        return RuleDecision.objects.create(rule=rule, worker_id=worker_id, reason="Few controls passed.").pk

    def guide(self, author: User) -> dict[str, dict[str, list[Any]]]:
        """The arguments of the addresses of a guide with an entry, its two versions and a picture."""
        picture = add_image(dataset=self.dataset, image=self.image, by=author)
        content = Content("A class", (0,), "Grey.", pictures=(PictureUse(picture.public_id),))
        version, _ = write_entry(dataset=self.dataset, content=content, by=author, entry=None, based_on=0)
        later = replace(content, body="Brown.")
        write_entry(dataset=self.dataset, content=later, by=author, entry=version.entry, based_on=1)
        entry: dict[str, list[Any]] = {"pk": [version.entry.pk]}
        return {
            "guide-entry": entry,
            "guide-edit": entry,
            "guide-versions": entry,
            "guide-differences": entry,
            "guide-version": entry | {"number": [1]},
            "guide-restore": entry | {"number": [1]},
            "guide-about": entry | {"act": ["withdraw", "reinstate"]},
            "guide-document": {"format": ["html", "pdf"]},
            "guide-picture": {"public_id": [picture.public_id]},
        }

    def listed(self) -> ListedAssignment:
        """An assignment that waits to be looked at."""
        hit = self.batch.terms.marketplace_hits.get()
        listed = ListedAssignment.objects.create(
            marketplace_hit=hit,
            external_id=unique("3ALISTED"),
            worker=make_worker(marketplace="mturk"),
            finding="unreadable",
            status="submitted",
            accepted_at=now(),
            submitted_at=now(),
        )
        Call.objects.create(
            op="ApproveAssignment", purpose=f"approve:{listed.pk}", payload={}, batch=self.batch, next_try=FAR
        )
        return listed

    def calls_to_come(self) -> list[tuple[int, str, datetime]]:
        """The calls to the marketplace about its batch, with their states and times."""
        return list(Call.objects.filter(batch=self.batch).order_by("pk").values_list("pk", "state", "next_try"))

    def paths(self, address: Address) -> list[str]:
        """The address with every combination of its arguments filled in."""
        usual = {"path": [self.dataset.name], "int": [self.batch.pk]}
        paths = [address.route]
        for name, kind in address.types.items():
            values = self.arguments.get(address.name, {}).get(name) or usual.get(kind, [self.image.public_id])
            paths = [re.sub(rf"<[^<>]*\b{name}>", str(value), path) for path in paths for value in values]
        return [f"/{path}" for path in paths]

    def nowhere(self, address: Address) -> str:
        """The address of a subject that does not exist, in a study that does not."""
        subjects = {"pk": NO_NUMBER, "name": ABSENT, "public_id": ABSENT, "token": ABSENT, "worker": ABSENT}
        usual = self.arguments.get(address.name, {})
        path = address.route
        for name in address.types:
            value = subjects.get(name) or usual[name][0]
            path = re.sub(rf"<[^<>]*\b{name}>", str(value), path)
        return f"/{path}"


@contextmanager
def study_for_a_module(django_db_blocker: Any) -> Iterator[Study]:
    """Yield a study that all tests of a module share: whatever they do is rolled back, and at last the study too."""
    with rows_of_a_module(django_db_blocker):
        yield Study()


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def asked(client: Client, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[Page, list[str]]:
    """The answer, and the tables that were written to; whatever changed is as before afterwards."""
    with undone():
        before = writes()
        answer = client.generic("GET", path) if method == "GET" else client.post(path, body or BODY)
        if isinstance(answer, FileResponse):
            assert list(answer.streaming_content), "read to its end, the file is closed"
        after = writes()
    return answer, sorted(table for table, n in after.items() if n != before.get(table, 0))


def is_kept_by_nobody(answer: Page) -> bool:
    return "no-store" in answer.headers.get("Cache-Control", "")
