"""Sources of imports in the arguments of jobs: an upload, a bucket, a path of this machine."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext

from catalog.errors import UserError
from catalog.models import Dataset
from data_import.buckets.reads import ForbiddenBucket, check_bucket
from data_import.server_files.reads import OutsideImportRoot, path_on_server
from data_import.sources.bucket import SCHEME
from data_import.uploads import actions as uploads
from jobs.models import Job
from jobs.reads import latest_job

Arguments = dict[str, str]
Files: TypeAlias = "MultiValueDict[str, UploadedFile[Any]]"
LONGEST_ADDRESS = 1000


class BadSource(UserError):
    """A form that names no source; `field` is the form's field with the fault."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


def source_asked_for(dataset: Dataset, post: QueryDict, files: Files) -> Arguments:
    """Return the arguments of the import that a form requests; store the form's files. Raises BadSource."""
    field = post.get("from", "")
    if field not in READERS:
        raise BadSource("files", gettext("Choose files, a bucket or a path first."))
    return READERS[field](dataset, post, files)


def _upload(dataset: Dataset, post: QueryDict, files: Files) -> Arguments:
    uploaded = files.getlist("files")
    if not uploaded:
        raise BadSource("files", gettext("Choose an archive or images first."))
    try:
        return uploads.keep(uploaded)
    except uploads.BadUpload as error:
        raise BadSource("files", error.for_page) from None


def _bucket(dataset: Dataset, post: QueryDict, files: Files) -> Arguments:
    address = post.get("bucket", "").strip()
    bucket = address.removeprefix(SCHEME).partition("/")[0]
    if not address.startswith(SCHEME) or not bucket or not address.isprintable() or len(address) > LONGEST_ADDRESS:
        raise BadSource("bucket", gettext("Enter the address of a bucket, such as s3://bucket/prefix."))
    try:
        check_bucket(address)
    except ForbiddenBucket as error:
        raise BadSource("bucket", error.for_page) from None
    return {"bucket": address, "words": address}


def _server(dataset: Dataset, post: QueryDict, files: Files) -> Arguments:
    path = post.get("server", "").strip()
    if not path:
        raise BadSource("server", gettext("Enter the name of a folder, archive or manifest in the import folder."))
    try:
        path_on_server(path)
    except OutsideImportRoot as error:
        raise BadSource("server", error.for_page) from None
    return {"server": path, "words": path}


def _again(dataset: Dataset, post: QueryDict, files: Files) -> Arguments:
    """Return the arguments of the last import: the images that it added are skipped."""
    last = latest_job(dataset, Job.Kind.IMPORT_IMAGES)
    arguments = last.job.arguments if last else {}
    if not arguments or ("upload" in arguments and not uploads.folder_of(arguments).is_dir()):
        raise BadSource("files", gettext("The files of the last import have been removed. Choose them again."))
    return arguments


READERS: Mapping[str, Callable[[Dataset, QueryDict, Files], Arguments]] = {
    "upload": _upload,
    "bucket": _bucket,
    "server": _server,
    "again": _again,
}


def source_of_job(arguments: Arguments) -> tuple[str, str]:
    """Return the source for `find_images`, and its name in messages, which hides our own folders.

    The path is resolved again each time, because links on the server may have changed.
    """
    if "upload" in arguments:
        return str(uploads.folder_of(arguments) / arguments["file"]), arguments["file"] or gettext("the upload")
    if "bucket" in arguments:
        # The list may have changed since.
        check_bucket(arguments["bucket"])
        return arguments["bucket"], arguments["bucket"]
    path, root = path_on_server(arguments["server"]), Path(settings.IMPORT_ROOT).resolve()
    return str(path), gettext("the import folder") if path == root else path.relative_to(root).as_posix()
