"""Bring the catalogs in `locale/` up to date with the texts that code and templates mark."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from annotation_site.marked_texts import bring_up_to_date, marked_texts


class Command(BaseCommand):
    help = "Bring every catalog in locale/ up to date with the texts that are marked for translation."

    def handle(self, *args: Any, **options: Any) -> None:
        texts = marked_texts(settings.BASE_DIR)
        for path in sorted(settings.LOCALE_PATHS[0].glob("*/LC_MESSAGES/django.po")):
            catalog = bring_up_to_date(path, texts)
            n_missing = sum(not message.string or not any(message.string) for message in catalog if message.id)
            self.stdout.write(f"{path.parents[1].name}: {len(catalog)} texts, {n_missing} of them not translated")
