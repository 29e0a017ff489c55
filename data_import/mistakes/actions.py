"""Import of a panel's judgement of mistakes into a study, which is created if there is none."""

from django.db import transaction

from csv_files.tables import InputFile
from data_import.actions import dataset_for_import
from review_task.mistakes.panels.actions import ImportedJudgement, import_judgement


@transaction.atomic
def import_mistakes(
    *, dataset: str, classifier: str, file: InputFile, panel: str = "", title: str = ""
) -> ImportedJudgement:
    """Import a file as `import_judgement` does; nothing is kept of a file that it refuses."""
    study = dataset_for_import(dataset, None)
    return import_judgement(dataset=study, classifier=classifier, file=file, panel=panel, title=title)
