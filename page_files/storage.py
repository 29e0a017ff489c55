"""The storage that the tag `static` asks."""

from django.contrib.staticfiles.storage import StaticFilesStorage

from page_files.reads import file_named


class HashedFiles(StaticFilesStorage):
    """Addresses of static files, for templates."""

    def url(self, name: str | None) -> str:
        return file_named(str(name)).address
