"""`./manage marketplace …`: see and manage published batches."""

from collections import Counter
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count, Q, Sum
from django.utils.translation import gettext, ngettext

from access.permissions.reads import May, permissions_in
from catalog.errors import as_command_errors
from catalog.reads import dataset_named, now
from mturk.compensation.actions import compensate
from mturk.costs.reads import check_keys
from mturk.management.commands.publish import dollars
from mturk.models import Call, LedgerEntry, ListedAssignment, Rejection, Terms
from mturk.outbox.actions import try_failed_again
from mturk.payments.actions import approve_now, give_bonus, notify
from mturk.payments.polling import poll_assignments
from mturk.payments.reads import sums_of, to_look_at, wage_of
from mturk.publishing.actions import allow_losses, move_end, raise_cap
from mturk.publishing.reads import committed, missing_in_stopped_hits
from mturk.qualifications.actions import block_softly, let_in_again
from mturk.rejections.actions import override_rejection, reject
from mturk.sync import send_waiting
from workforce.models import Batch, Submission, Worker
from workforce.reads import batch_named, pseudonym, submissions_of


class Command(BaseCommand):
    help = "See, extend, expire, pay and check batches on the marketplace."

    def add_arguments(self, parser: CommandParser) -> None:
        parts = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
        for name, words, add in (
            ("status", "show progress, cost and hourly wage of a batch", status),
            ("extend", "offer a batch for longer, or raise its cap", extension),
            ("expire", "take a batch off the marketplace; work in progress can still be submitted", batch_argument),
            (
                "reconcile",
                "send pending calls and poll the marketplace now; --failed: also retry failed calls",
                reconciling,
            ),
            ("ledger", "list all payments of a batch", batch_argument),
            ("approve", "approve assignments that wait for review: some, or all of a batch", approval),
            ("bonus", "pay a bonus for an assignment", bonus),
            ("compensate", "pay a worker who could not submit, by a HIT that asks nothing", compensation),
            ("reject", "reject an assignment that was not real work", rejection),
            ("override", "reverse a rejection and pay", override),
            ("block", "block a worker from our HITs, without affecting the account; --lift: unblock", blocking),
            ("notify", "send a message to the workers of a batch", notice),
        ):
            add(parts.add_parser(name, help=words))

    def handle(self, *args: Any, what: str, **options: Any) -> None:
        with as_command_errors():
            getattr(self, what)(options)

    def status(self, options: dict[str, Any]) -> None:
        terms = terms_named(options["batch"])
        self.stdout.write(f"Batch {terms.batch_id} ({terms.batch}), {state_of(terms)}")
        counts = terms.marketplace_hits.aggregate(
            n=Count("pk"), there=Count("external_id"), over=Count("finished_at"), offered=Sum("n_assignments")
        )
        self.stdout.write(f"  HITs          {counts['n']:,}: {counts['there']:,} created, {counts['over']:,} finished")
        listed = ListedAssignment.objects.filter(marketplace_hit__terms=terms)
        findings = Counter(listed.values_list("finding", flat=True))
        none = gettext("none submitted")
        self.stdout.write(f"  assignments   {counts['offered'] or 0:,} offered, {listing_of(findings) or none}")
        states = Counter(Submission.objects.filter(hit__batch=terms.batch).values_list("state", flat=True))
        self.stdout.write(f"  answers       {listing_of(states) or gettext('none')}")
        spent, all_of_it = sums_of(terms.batch)["total"], committed(terms)
        self.stdout.write(f"  spent         ${spent}; spent or committed: ${all_of_it} of ${terms.spending_cap}")
        wage = wage_of(terms.batch)
        if wage is not None:
            self.stdout.write(f"  wage          ${wage.median} per hour (median of {wage.n:,}), p25 ${wage.p25}")
        self.hints(terms)
        self.calls(Q(batch=terms.batch) | Q(batch=None))
        if options["assignments"]:
            for assignment in listed.order_by("submitted_at", "pk"):
                row = f"  {assignment.external_id}  {assignment.status:9}  {assignment.finding:12}"
                self.stdout.write(f"{row}  {assignment.submitted_at:%Y-%m-%d %H:%M}")

    def hints(self, terms: Terms) -> None:
        """Print what a researcher has to decide about a batch."""
        if stopped := len(missing_in_stopped_hits(terms)):
            words = ngettext(
                "%(n)s HIT lacks answers but is no longer offered: it had %(limit)s or more unusable assignments. "
                "`marketplace extend --losses N` allows more.",
                "%(n)s HITs lack answers but are no longer offered: each had %(limit)s or more unusable assignments. "
                "`marketplace extend --losses N` allows more.",
                stopped,
            )
            self.stdout.write("  " + words % {"n": f"{stopped:,}", "limit": terms.losses_per_hit})
        if look := to_look_at(terms):
            words = ngettext(
                "%(n)s approval waits for review until %(end)s UTC. `marketplace approve` sends it now.",
                "%(n)s approvals wait for review, the last until %(end)s UTC. `marketplace approve` sends them now.",
                look.n,
            )
            self.stdout.write("  " + words % {"n": f"{look.n:,}", "end": f"{look.last:%Y-%m-%d %H:%M}"})

    def calls(self, condition: Q) -> None:
        waiting = Call.objects.filter(condition, state__in=["waiting", "unsure"])
        self.stdout.write(f"  pending       {waiting.count():,}")
        for call in Call.objects.filter(condition, state="failed").order_by("pk")[:10]:
            self.stdout.write(f"  failed        {call.op}: {call.last_error}")
        for call in waiting.exclude(last_error="").order_by("-attempts")[:3]:
            self.stdout.write(f"  retried {call.attempts}×  {call.op}: {call.last_error}")

    def extend(self, options: dict[str, Any]) -> None:
        terms = terms_named(options["batch"])
        if terms.batch.closed_at is not None:
            words = gettext("Batch %(batch)s is closed: it no longer accepts answers.")
            raise CommandError(words % {"batch": terms.batch_id})
        if options["cap"] is not None:
            raise_cap(terms=terms, spending_cap=options["cap"])
            self.stdout.write(gettext("The spending cap is now $%(cap)s.") % {"cap": options["cap"]})
        if options["losses"] is not None:
            allow_losses(terms=terms, per_hit=options["losses"])
            words = ngettext(
                "Each HIT may now have %(n)s unusable assignment.",
                "Each HIT may now have %(n)s unusable assignments.",
                options["losses"],
            )
            self.stdout.write(words % {"n": f"{options['losses']:,}"})
        if options["days"]:
            end = max(terms.expires_at, now()) + timedelta(days=options["days"])
            n = move_end(terms=terms, expires_at=end)
            send_waiting()
            words = ngettext(
                "Batch %(batch)s now expires on %(end)s UTC (%(n)s HIT).",
                "Batch %(batch)s now expires on %(end)s UTC (%(n)s HITs).",
                n,
            )
            self.stdout.write(words % {"batch": terms.batch_id, "end": f"{end:%Y-%m-%d %H:%M}", "n": f"{n:,}"})

    def expire(self, options: dict[str, Any]) -> None:
        terms = terms_named(options["batch"])
        n = move_end(terms=terms, expires_at=now())
        send_waiting()
        words = ngettext(
            "Batch %(batch)s is taken off the marketplace (%(n)s HIT).",
            "Batch %(batch)s is taken off the marketplace (%(n)s HITs).",
            n,
        )
        self.stdout.write(words % {"batch": terms.batch_id, "n": f"{n:,}"})

    def reconcile(self, options: dict[str, Any]) -> None:
        check_keys()
        if options["failed"]:
            n = try_failed_again()
            words = ngettext("%(n)s failed call is retried.", "%(n)s failed calls are retried.", n)
            self.stdout.write(words % {"n": f"{n:,}"})
        n_calls = send_waiting()
        n_hits = poll_assignments()
        n_calls += send_waiting()
        words = ngettext("%(n)s call was carried out.", "%(n)s calls were carried out.", n_calls)
        self.stdout.write(words % {"n": f"{n_calls:,}"})
        words = ngettext("%(n)s HIT was polled.", "%(n)s HITs were polled.", n_hits)
        self.stdout.write(words % {"n": f"{n_hits:,}"})
        self.calls(Q())

    def ledger(self, options: dict[str, Any]) -> None:
        terms = terms_named(options["batch"])
        for row in LedgerEntry.objects.filter(batch=terms.batch).select_related("listed").order_by("pk"):
            self.stdout.write(f"{row.booked_at:%Y-%m-%d %H:%M}  {row.listed.external_id}  {row.kind:10}  ${row.amount}")
        for kind, amount in sums_of(terms.batch).items():
            self.stderr.write(f"{kind:10}  ${amount}")

    def approve(self, options: dict[str, Any]) -> None:
        if bool(options["assignments"]) == bool(options["batch"]):
            raise CommandError(gettext("Name either assignments, or a batch with --batch."))
        if options["batch"]:
            assignments = ListedAssignment.objects.filter(marketplace_hit__terms=terms_named(options["batch"]))
        else:
            ids = [assignment_named(external_id).pk for external_id in options["assignments"]]
            assignments = ListedAssignment.objects.filter(pk__in=ids)
        n = approve_now(listed=assignments)
        send_waiting()
        words = ngettext("%(n)s approval is sent.", "%(n)s approvals are sent.", n)
        self.stdout.write(words % {"n": f"{n:,}"} if n else gettext("No approvals are pending."))

    def bonus(self, options: dict[str, Any]) -> None:
        listed = assignment_named(options["assignment"])
        give_bonus(listed=listed, amount=options["amount"], reason=options["reason"])
        send_waiting()
        words = gettext("A bonus of $%(amount)s for %(assignment)s is being paid.")
        self.stdout.write(words % {"amount": options["amount"], "assignment": listed.external_id})

    def compensate(self, options: dict[str, Any]) -> None:
        terms = terms_named(options["batch"])
        worker = worker_named(terms.batch, options["worker"])
        compensate(terms=terms, worker=worker, returned=options["returned"])
        send_waiting()
        words = gettext("A HIT that only worker %(worker)s sees pays $%(reward)s.")
        self.stdout.write(words % {"worker": options["worker"], "reward": terms.reward})

    def reject(self, options: dict[str, Any]) -> None:
        listed = assignment_named(options["assignment"])
        second = person_named(options["seconded_by"], listed) if options["seconded_by"] else None
        decided_by = person_named(options["by"], listed)
        reject(listed=listed, reason=options["reason"], decided_by=decided_by, seconded_by=second)
        send_waiting()
        words = gettext(
            "Assignment %(assignment)s is rejected. `marketplace override %(assignment)s` reverses this within 30 days."
        )
        self.stdout.write(words % {"assignment": listed.external_id})

    def override(self, options: dict[str, Any]) -> None:
        listed = assignment_named(options["assignment"])
        standing = Rejection.objects.filter(listed=listed, overridden_at=None).first()
        if standing is None:
            words = gettext("Assignment %(assignment)s has no rejection to reverse.")
            raise CommandError(words % {"assignment": listed.external_id})
        overridden_by = person_named(options["by"], listed)
        override_rejection(rejection=standing, reason=options["reason"], overridden_by=overridden_by)
        send_waiting()
        words = gettext("The rejection of %(assignment)s is reversed.")
        self.stdout.write(words % {"assignment": listed.external_id})

    def block(self, options: dict[str, Any]) -> None:
        dataset = dataset_named(options["dataset"])
        submission = submissions_of(dataset, options["worker"]).select_related("worker").first()
        if submission is None:
            words = gettext("No worker “%(worker)s” submitted anything for %(dataset)s.")
            raise CommandError(words % {"worker": options["worker"], "dataset": dataset})
        if options["lift"]:
            let_in_again(worker=submission.worker)
            words = gettext("Worker %(worker)s is no longer blocked.")
        else:
            block_softly(workers=[submission.worker])
            words = gettext("Worker %(worker)s is blocked from further HITs. Existing work stays paid.")
        send_waiting()
        self.stdout.write(words % {"worker": options["worker"]})

    def notify(self, options: dict[str, Any]) -> None:
        terms = terms_named(options["batch"])
        n = notify(terms=terms, subject=options["subject"], text=options["text"])
        send_waiting()
        words = ngettext("The message is being sent to %(n)s worker.", "The message is being sent to %(n)s workers.", n)
        self.stdout.write(words % {"n": f"{n:,}"})


# Looking up what an argument names


def terms_named(text: str) -> Terms:
    batch = batch_named(text)
    terms = Terms.objects.filter(batch=batch).select_related("batch__dataset").first()
    if terms is None:
        words = gettext("Batch %(batch)s is not on the marketplace. `./manage publish %(batch)s` publishes it.")
        raise CommandError(words % {"batch": batch.pk})
    return terms


def assignment_named(external_id: str) -> ListedAssignment:
    listed = ListedAssignment.objects.filter(external_id=external_id).select_related("marketplace_hit__terms").first()
    if listed is None:
        words = gettext(
            "There is no submitted assignment “%(assignment)s”. `./manage marketplace status BATCH --assignments` "
            "lists all of a batch, and `./manage marketplace reconcile` fetches new ones."
        )
        raise CommandError(words % {"assignment": external_id})
    return listed


def person_named(name: str, listed: ListedAssignment) -> User:
    """Return the account with this name, which may decide on an assignment's payment. Raises CommandError."""
    user = get_user_model().objects.filter(username=name, is_active=True).first()
    dataset = listed.marketplace_hit.terms.batch.dataset
    if user is None or May.DECIDE_PAYMENTS not in permissions_in(user, dataset):
        words = gettext("No researcher of %(dataset)s has the login “%(name)s”. `./manage give_role` gives a role.")
        raise CommandError(words % {"name": name, "dataset": dataset})
    return user


def worker_named(batch: Batch, name: str) -> Worker:
    """Return the worker with this pseudonym among those with a lease of the batch's dataset. Raises CommandError."""
    workers = Worker.objects.filter(leases__batch__dataset=batch.dataset).distinct()
    for worker in workers:
        if pseudonym(batch.dataset, worker.pk) == name:
            return worker
    words = gettext("No worker “%(worker)s” opened anything of %(dataset)s.")
    raise CommandError(words % {"worker": name, "dataset": batch.dataset})


def state_of(terms: Terms) -> str:
    if terms.expires_at > now():
        words = gettext("$%(reward)s per HIT, until %(end)s UTC")
    else:
        words = gettext("$%(reward)s per HIT, expired %(end)s UTC")
    return words % {"reward": terms.reward, "end": f"{terms.expires_at:%Y-%m-%d %H:%M}"}


def listing_of(counts: Counter[str]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in sorted(counts.items()))


# Arguments


def batch_argument(parser: CommandParser) -> None:
    parser.add_argument("batch", help="number or address of the batch")


def status(parser: CommandParser) -> None:
    batch_argument(parser)
    parser.add_argument("--assignments", action="store_true", help="also list the submitted assignments")


def extension(parser: CommandParser) -> None:
    batch_argument(parser)
    parser.add_argument("--days", type=int, default=0, metavar="N", help="number of additional days")
    parser.add_argument("--cap", type=dollars, metavar="DOLLARS", help="the new spending cap")
    parser.add_argument(
        "--losses", type=int, metavar="N", help="the number of unusable assignments at which a HIT is no longer offered"
    )


def reconciling(parser: CommandParser) -> None:
    parser.add_argument("--failed", action="store_true", help="also retry failed calls")


def approval(parser: CommandParser) -> None:
    parser.add_argument("assignments", nargs="*", metavar="ASSIGNMENT", help="the marketplace's AssignmentId")
    parser.add_argument("--batch", metavar="BATCH", help="all pending ones of this batch (number or address)")


def assignment_arguments(parser: CommandParser) -> None:
    parser.add_argument("assignment", help="the marketplace's AssignmentId")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="the worker reads it")


def bonus(parser: CommandParser) -> None:
    assignment_arguments(parser)
    parser.add_argument("--amount", type=dollars, required=True, metavar="DOLLARS")


def compensation(parser: CommandParser) -> None:
    batch_argument(parser)
    parser.add_argument("worker", help="the worker's pseudonym in the batch's dataset")
    parser.add_argument(
        "--returned",
        action="store_true",
        help="the worker returned the HIT or can no longer submit it; if it is listed after all, it is paid as well",
    )


def rejection(parser: CommandParser) -> None:
    assignment_arguments(parser)
    parser.add_argument("--by", required=True, metavar="NAME", help="the login of the researcher who decides")
    parser.add_argument(
        "--seconded-by",
        metavar="NAME",
        help="the login of a second researcher; required from the sixth rejection of a batch on",
    )


def override(parser: CommandParser) -> None:
    assignment_arguments(parser)
    parser.add_argument("--by", required=True, metavar="NAME", help="the login of the researcher who decides")


def blocking(parser: CommandParser) -> None:
    parser.add_argument("worker", help="the worker's pseudonym in the dataset")
    parser.add_argument("--dataset", required=True, metavar="NAME")
    parser.add_argument("--lift", action="store_true", help="unblock the worker")


def notice(parser: CommandParser) -> None:
    batch_argument(parser)
    parser.add_argument("--subject", required=True, metavar="TEXT")
    parser.add_argument("--text", required=True, metavar="TEXT")
