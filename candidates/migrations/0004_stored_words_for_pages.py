"""What was stored in words of the shell, before these had a column of their own, in the words that pages use today."""

import re

from django.db import migrations

NO_FILE = "it has no file: ./manage import images brings it", "it has no file: import it first"
OF_A_SITE = "Have the site administrator install it"
ANSWERS = (
    (r"^There is no ('[^']*') \(.*\); write torch:package\.module:function\.$", r"There is no \1 on this machine."),
    (r"^(.+) returns a \w+; it must return a torch\.nn\.Module\.$", r"\1 does not return a network."),
    (r" \(.*\); (?:torchvision\.models|timm)\.list_models\(\) names those it knows\.?$",
     ". Its documentation names those it knows."),
    (r" cannot be imported \(.*\): pip install [\w.-]+, (in a version for the torch that is there)\.$",
     rf" cannot be imported. {OF_A_SITE}, \1."),
    (r" cannot be fetched \(.*\)\. Where there is no network: .*$",
     " cannot be fetched. Where there is no network the site administrator can bring them."),
    (r"( is not installed \(several GB\)): .*; or (choose one of: .*)$", rf"\1. {OF_A_SITE}, or \2"),
    (r"( are not installed): pip install [\w.-]+\.?$", r"\1. The site administrator can install them."),
    (r" Save the network's state_dict\(\) anew, with torch\.save\(\), from a version you trust\.$",
     " Have the weights saved anew, from a version you trust."),
    (r"onnx:PATH", "onnx:FILE in the models folder"),
    (r", torch:PACKAGE\.MODULE:FUNCTION\[:WEIGHTS\]", ""),
    (r"^A fault of ours: .*$",
     "This is a fault of ours; the log of the part setup says more. What was done before it stays."),
)


def in_page_words(problem: str) -> str:
    for shell, page in ANSWERS:
        problem = re.sub(shell, page, problem, flags=re.DOTALL)
    return problem


def say_it_to_pages(apps, schema_editor):
    stored, now = NO_FILE
    apps.get_model("candidates", "Unpredicted").objects.filter(reason=stored).update(reason=now)
    for run in apps.get_model("candidates", "Run").objects.exclude(problem="").iterator():
        words = in_page_words(run.problem)
        if words != run.problem:
            run.problem, run.shell_problem = words[:1000], run.problem
            run.save(update_fields=["problem", "shell_problem"])
    for job in apps.get_model("jobs", "Job").objects.exclude(problem="").iterator():
        words = in_page_words(job.problem)
        if words != job.problem:
            job.problem = words
            job.save(update_fields=["problem"])


class Migration(migrations.Migration):

    dependencies = [
        ('candidates', '0003_run_shell_problem'),
        ('jobs', '0001_from_annotation_site'),
    ]

    operations = [migrations.RunPython(say_it_to_pages, migrations.RunPython.noop)]
