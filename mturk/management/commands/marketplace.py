"""`./manage marketplace …`: what happens to a published batch after it was published."""

from collections import Counter
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count, Q, Sum

from catalog.errors import as_command_errors
from catalog.reads import dataset_named, now
from mturk.compensation.actions import compensate
from mturk.costs.reads import check_keys
from mturk.management.commands.publish import dollars
from mturk.models import Call, LedgerEntry, ListedAssignment, Rejection, Terms
from mturk.outbox.actions import try_failed_again
from mturk.payments.actions import approve_now, give_bonus, notify, override_rejection, reject
from mturk.payments.polling import poll_assignments
from mturk.payments.reads import sums_of, to_look_at, wage_of
from mturk.publishing.actions import allow_losses, move_end, raise_cap
from mturk.publishing.reads import committed, missing_in_stopped_hits
from mturk.qualifications.actions import block_softly, let_in_again
from mturk.sync import send_waiting
from workforce.models import Batch, Submission, Worker
from workforce.reads import batch_named, pseudonym, submissions_of


class Command(BaseCommand):
    help = "See, extend, end, pay and check what is published on the marketplace."

    def add_arguments(self, parser: CommandParser) -> None:
        parts = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
        for name, words, add in (
            ("status", "how far a batch is, what it cost and what an hour of it earned", batch_argument),
            ("extend", "keep a batch on the marketplace for longer, or raise its cap", extension),
            ("expire", "take a batch off the marketplace; what people hold may still come in", batch_argument),
            ("reconcile", "ask the marketplace now, and send what waits; --failed: also what it refused", reconciling),
            ("ledger", "what the marketplace took, row by row", batch_argument),
            ("approve", "approve now what waits for somebody to look: assignments, or all of a batch", approval),
            ("bonus", "pay a bonus for an assignment", bonus),
            ("compensate", "pay who worked and could not hand in, by a HIT that asks nothing", compensation),
            ("reject", "refuse to pay for work that was none", rejection),
            ("override", "take a rejection back and pay", override),
            ("block", "offer a worker no more HITs, without touching their account; --lift: again", blocking),
            ("notify", "write to the workers of a batch", notice),
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
        self.stdout.write(f"  HITs          {counts['n']:,}: {counts['there']:,} created, {counts['over']:,} over")
        findings = Counter(
            ListedAssignment.objects.filter(marketplace_hit__terms=terms).values_list("finding", flat=True)
        )
        self.stdout.write(
            f"  assignments   {counts['offered'] or 0:,} offered, {listing_of(findings) or 'none handed in'}"
        )
        states = Counter(Submission.objects.filter(hit__batch=terms.batch).values_list("state", flat=True))
        self.stdout.write(f"  answers       {listing_of(states) or 'none'}")
        spent, all_of_it = sums_of(terms.batch)["total"], committed(terms)
        self.stdout.write(f"  spent         ${spent}; with what is promised: ${all_of_it} of ${terms.spending_cap}")
        wage = wage_of(terms.batch)
        if wage is not None:
            self.stdout.write(f"  wage          ${wage.median} an hour (median of {wage.n:,}), p25 ${wage.p25}")
        if stopped := missing_in_stopped_hits(terms):
            self.stdout.write(
                f"  not offered   {len(stopped):,} HITs: {terms.losses_per_hit} or more assignments of each "
                "were paid and came to nothing. marketplace extend --losses N"
            )
        self.calls(Q(batch=terms.batch) | Q(batch=None))
        if look := to_look_at(terms):
            self.stdout.write(
                f"  to look at    {look.n:,} of them are approvals that wait for somebody to look, "
                f"the last until {look.last:%Y-%m-%d %H:%M} UTC. marketplace approve"
            )

    def calls(self, condition: Q) -> None:
        waiting = Call.objects.filter(condition, state__in=["waiting", "unsure"])
        self.stdout.write(f"  to be sent    {waiting.count():,}")
        for call in Call.objects.filter(condition, state="failed").order_by("pk")[:10]:
            self.stdout.write(f"  refused       {call.op}: {call.last_error}")
        for call in waiting.exclude(last_error="").order_by("-attempts")[:3]:
            self.stdout.write(f"  tried {call.attempts} times {call.op}: {call.last_error}")

    def extend(self, options: dict[str, Any]) -> None:
        terms = terms_named(options["batch"])
        if terms.batch.closed_at is not None:
            raise CommandError(f"Batch {terms.batch_id} is closed: it takes no more answers.")
        if options["cap"] is not None:
            raise_cap(terms=terms, spending_cap=options["cap"])
            self.stdout.write(f"The spending cap is ${options['cap']}.")
        if options["losses"] is not None:
            allow_losses(terms=terms, per_hit=options["losses"])
            self.stdout.write(f"A HIT is offered again until {options['losses']:,} of its assignments came to nothing.")
        if options["days"]:
            end = max(terms.expires_at, now()) + timedelta(days=options["days"])
            n = move_end(terms=terms, expires_at=end)
            send_waiting()
            self.stdout.write(f"Batch {terms.batch_id} stays until {end:%Y-%m-%d %H:%M} UTC ({n:,} HITs).")

    def expire(self, options: dict[str, Any]) -> None:
        terms = terms_named(options["batch"])
        n = move_end(terms=terms, expires_at=now())
        send_waiting()
        self.stdout.write(f"Batch {terms.batch_id} is taken off the marketplace ({n:,} HITs).")

    def reconcile(self, options: dict[str, Any]) -> None:
        check_keys()
        if options["failed"]:
            self.stdout.write(f"{try_failed_again():,} refused calls are sent again.")
        n_calls = send_waiting()
        n_hits = poll_assignments()
        n_calls += send_waiting()
        self.stdout.write(f"{n_calls:,} calls carried out, {n_hits:,} HITs asked about.")
        self.calls(Q())

    def ledger(self, options: dict[str, Any]) -> None:
        terms = terms_named(options["batch"])
        for row in LedgerEntry.objects.filter(batch=terms.batch).select_related("listed").order_by("pk"):
            self.stdout.write(f"{row.booked_at:%Y-%m-%d %H:%M}  {row.listed.external_id}  {row.kind:10}  ${row.amount}")
        for kind, amount in sums_of(terms.batch).items():
            self.stderr.write(f"{kind:10}  ${amount}")

    def approve(self, options: dict[str, Any]) -> None:
        if bool(options["assignments"]) == bool(options["batch"]):
            raise CommandError("Name assignments, or a batch with --batch: one or the other.")
        if options["batch"]:
            assignments = ListedAssignment.objects.filter(marketplace_hit__terms=terms_named(options["batch"]))
        else:
            assignments = ListedAssignment.objects.filter(
                pk__in=[assignment_named(external_id).pk for external_id in options["assignments"]]
            )
        n = approve_now(listed=assignments)
        send_waiting()
        self.stdout.write(f"{n:,} approval{' that' if n == 1 else 's that'} waited for somebody to look: sent now.")

    def bonus(self, options: dict[str, Any]) -> None:
        listed = assignment_named(options["assignment"])
        give_bonus(listed=listed, amount=options["amount"], reason=options["reason"])
        send_waiting()
        self.stdout.write(f"A bonus of ${options['amount']} for {listed.external_id} is on its way.")

    def compensate(self, options: dict[str, Any]) -> None:
        terms = terms_named(options["batch"])
        worker = worker_named(terms.batch, options["worker"])
        compensate(terms=terms, worker=worker, returned=options["returned"])
        send_waiting()
        self.stdout.write(f"A HIT that only {options['worker']} sees and that asks nothing pays ${terms.reward}.")

    def reject(self, options: dict[str, Any]) -> None:
        listed = assignment_named(options["assignment"])
        second = person_named(options["seconded_by"]) if options["seconded_by"] else None
        decided_by = person_named(options["by"])
        reject(listed=listed, reason=options["reason"], decided_by=decided_by, seconded_by=second)
        send_waiting()
        self.stdout.write(
            f"{listed.external_id} is rejected. For 30 days, marketplace override {listed.external_id} pays it still."
        )

    def override(self, options: dict[str, Any]) -> None:
        listed = assignment_named(options["assignment"])
        standing = Rejection.objects.filter(listed=listed, overridden_at=None).first()
        if standing is None:
            raise CommandError(f"No rejection of {listed.external_id} stands.")
        override_rejection(rejection=standing, reason=options["reason"], overridden_by=person_named(options["by"]))
        send_waiting()
        self.stdout.write(f"The rejection of {listed.external_id} is taken back.")

    def block(self, options: dict[str, Any]) -> None:
        dataset = dataset_named(options["dataset"])
        submission = submissions_of(dataset, options["worker"]).select_related("worker").first()
        if submission is None:
            raise CommandError(f"Nobody called {options['worker']!r} handed in anything for {dataset}.")
        if options["lift"]:
            let_in_again(worker=submission.worker)
        else:
            block_softly(workers=[submission.worker])
        send_waiting()
        again = "HITs again." if options["lift"] else "no more HITs. What they did stays paid."
        self.stdout.write(f"{options['worker']} is offered {again}")

    def notify(self, options: dict[str, Any]) -> None:
        terms = terms_named(options["batch"])
        n = notify(terms=terms, subject=options["subject"], text=options["text"])
        send_waiting()
        self.stdout.write(f"{n:,} workers are written to.")


# What the words stand for


def terms_named(text: str) -> Terms:
    batch = batch_named(text)
    terms = Terms.objects.filter(batch=batch).select_related("batch__dataset").first()
    if terms is None:
        raise CommandError(f"Batch {batch.pk} is not on the marketplace. ./manage publish {batch.pk} puts it there.")
    return terms


def assignment_named(external_id: str) -> ListedAssignment:
    listed = ListedAssignment.objects.filter(external_id=external_id).select_related("marketplace_hit__terms").first()
    if listed is None:
        raise CommandError(f"The marketplace has not listed {external_id!r} yet. ./manage marketplace reconcile")
    return listed


def person_named(name: str) -> User:
    user = get_user_model().objects.filter(username=name, is_active=True, is_staff=True).first()
    if user is None:
        raise CommandError(f"Nobody called {name!r} has a researcher's login. ./manage create_staff makes one.")
    return user


def worker_named(batch: Batch, name: str) -> Worker:
    """The worker of this pseudonym among those who were given something of the batch's dataset."""
    workers = Worker.objects.filter(leases__batch__dataset=batch.dataset).distinct()
    for worker in workers:
        if pseudonym(batch.dataset, worker.pk) == name:
            return worker
    raise CommandError(f"Nobody called {name!r} was given anything of {batch.dataset}.")


def state_of(terms: Terms) -> str:
    word = "until" if terms.expires_at > now() else "ended"
    return f"${terms.reward} a HIT, {word} {terms.expires_at:%Y-%m-%d %H:%M} UTC"


def listing_of(counts: Counter[str]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in sorted(counts.items()))


# Arguments


def batch_argument(parser: CommandParser) -> None:
    parser.add_argument("batch", help="its number, or its address")


def extension(parser: CommandParser) -> None:
    batch_argument(parser)
    parser.add_argument("--days", type=int, default=0, metavar="N", help="for so many days more")
    parser.add_argument("--cap", type=dollars, metavar="DOLLARS", help="the new spending cap")
    parser.add_argument(
        "--losses", type=int, metavar="N", help="offer a HIT again until so many of its assignments came to nothing"
    )


def reconciling(parser: CommandParser) -> None:
    parser.add_argument("--failed", action="store_true", help="send once more what the marketplace refused")


def approval(parser: CommandParser) -> None:
    parser.add_argument("assignments", nargs="*", metavar="ASSIGNMENT", help="the marketplace's AssignmentId")
    parser.add_argument("--batch", metavar="BATCH", help="all of this batch that wait: its number, or its address")


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
        help="they returned the HIT, or cannot hand it in any more; if it is listed after all, it is paid as well",
    )


def rejection(parser: CommandParser) -> None:
    assignment_arguments(parser)
    parser.add_argument("--by", required=True, metavar="NAME", help="who decides it: a researcher's login")
    parser.add_argument("--seconded-by", metavar="NAME", help="a second researcher, from the sixth of a batch on")


def override(parser: CommandParser) -> None:
    assignment_arguments(parser)
    parser.add_argument("--by", required=True, metavar="NAME", help="who decides it: a researcher's login")


def blocking(parser: CommandParser) -> None:
    parser.add_argument("worker", help="the worker's pseudonym in the dataset")
    parser.add_argument("--dataset", required=True, metavar="NAME")
    parser.add_argument("--lift", action="store_true", help="offer them HITs again")


def notice(parser: CommandParser) -> None:
    batch_argument(parser)
    parser.add_argument("--subject", required=True, metavar="TEXT")
    parser.add_argument("--text", required=True, metavar="TEXT")
