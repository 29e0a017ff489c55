"""Fills Turkle's database, by Turkle's own models: a project of one question, its batch, and people with passwords.

Run by Turkle's Python, within its project. Writes the id of the batch as JSON.
"""

import csv
import io
import json
import sys

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from turkle.models import Batch, Project  # noqa: E402

# The words of our own page for a grid of one photograph, in a template as Turkle and MTurk take it.
TEMPLATE = """
<section class="question">
  <h1>Which of these photographs contain at least one <em>${name}</em>?</h1>
  <dl class="meaning"><dt>Meaning</dt><dd>${gloss}</dd></dl>
  <ul class="instructions">
    <li>Tick every photograph that shows one: also if it is small, partly hidden, or one of many things.</li>
    <li>Only the real thing counts. Leave out drawings, paintings and cartoons of it.</li>
    <li>Perhaps all of them do, perhaps none: it is fine to tick nothing.</li>
  </ul>
</section>
<fieldset class="grid">
  <legend>Photographs that contain at least one ${name}</legend>
  <label><input type="checkbox" name="selected" value="${image}"><img src="/i/${image}.jpg" alt="photograph 1"></label>
</fieldset>
<p><input type="submit" value="Hand in"></p>
"""


def main() -> None:
    requested = json.load(sys.stdin)
    for name in requested["clients"]:
        get_user_model().objects.create_user(name, password=requested["password"])
    project = Project(name="CONTAINS", html_template=TEMPLATE, filename="contains.html")
    project.process_template()
    project.save()
    batch = Batch.objects.create(
        name="one question", project=project, filename="contains.csv", assignments_per_task=requested["answers"]
    )
    batch.create_tasks_from_csv(io.StringIO(table(requested)))
    json.dump({"batch": batch.pk}, sys.stdout)


def table(requested: dict) -> str:
    """Return the CSV file that a requester uploads."""
    lines = io.StringIO()
    rows = csv.writer(lines)
    rows.writerow(["name", "gloss", "image"])
    labels = requested["labels"]
    for number in range(requested["hits"]):
        name, gloss = labels[number % len(labels)]
        rows.writerow([name, gloss, f"{number:024}"])
    return lines.getvalue()


if __name__ == "__main__":
    main()
