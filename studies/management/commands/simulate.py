"""`./manage simulate`: let simulated people fill a study, or remove them."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext

from catalog.errors import as_command_errors
from catalog.reads import dataset_named
from studies.simulation.actions import AT_ONCE, Outcome, Plan, answers_stored, remove, simulate
from studies.simulation.people import KINDS, mix_in


class Command(BaseCommand):
    help = (
        "Let simulated people do the open work of a dataset's study links, on the running site. They are marked as "
        "simulated in every file and on every page, and never work for a marketplace; --remove deletes them and all "
        "their answers. Kinds of people: " + "; ".join(f"{kind} {words}" for kind, words in KINDS.items()) + "."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dataset", required=True, metavar="NAME", help="name of the dataset")
        parser.add_argument("--workers", type=int, default=50, metavar="N", help="how many people (50)")
        parser.add_argument(
            "--mix", default="", help="how many of which kinds, as honest=40,all_yes=3; without it, 70%% are honest"
        )
        parser.add_argument("--seed", type=int, default=0, metavar="N", help="equal seeds make equal people (0)")
        parser.add_argument(
            "--answers", type=int, default=0, metavar="N", help="let each grid and form get so many answers, at least"
        )
        parser.add_argument("--most", type=int, metavar="N", help="stop after so many answers")
        parser.add_argument(
            "--at-once", type=int, default=AT_ONCE, metavar="N", help=f"people who work at the same time ({AT_ONCE})"
        )
        parser.add_argument("--beside-people", action="store_true", help="even if real people have answered")
        parser.add_argument("--remove", action="store_true", help="delete simulated people and their answers instead")

    def handle(self, *args: Any, **options: Any) -> None:
        with as_command_errors():
            dataset = dataset_named(options["dataset"])
            if options["remove"]:
                counts = remove(dataset=dataset)
                message = gettext("%(people)s simulated people and their %(answers)s answers are deleted.")
                self.stdout.write(message % {"people": counts.n_people, "answers": counts.n_submissions})
                return
            plan = Plan(
                n_people=options["workers"],
                mix=mix_in(options["mix"]),
                seed=options["seed"],
                n_answers=options["answers"],
                most_answers=options["most"],
                at_once=options["at_once"],
                beside_people=options["beside_people"],
            )
            self.tell(simulate(dataset=dataset, plan=plan))

    def tell(self, outcome: Outcome) -> None:
        for name, person in outcome.people.items():
            self.stdout.write(f"{name}  {person.kind}")
        self.stdout.write(answers_stored(outcome))
