"""The files of images, stored together with their rows."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.db.models.fields.files import FieldFile

# Storing in a bucket is waiting; eight wait together.
FILES_AT_ONCE = 8
# The field of a row, the file's path, and its content.
File = tuple[FieldFile, str, bytes]


@contextmanager
def all_or_no_files(files: Sequence[File]) -> Iterator[None]:
    """Store files, and remove them if that or the block fails: a file without a row would never be found again."""
    try:
        _store_all(files)
        yield
    except BaseException:
        for field, path, _ in files:
            field.storage.delete(path)
        raise


def _store_all(files: Sequence[File]) -> None:
    if isinstance(default_storage, FileSystemStorage):
        # On a disk there is nothing to wait for: threads would only cost.
        for file in files:
            _store(file)
        return
    with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
        list(pool.map(_store, files))


def _store(file: File) -> None:
    # One left by a stop half-way is overwritten (settings.STORAGES).
    field, path, content = file
    field.save(path, ContentFile(content), save=False)
