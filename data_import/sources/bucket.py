"""Images in a bucket of S3, or of a server with the same protocol (settings: object_store)."""

import shutil
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.utils.translation import gettext

from catalog.decoding.reads import BYTES_AHEAD, Content
from catalog.models import Label, LabelSet
from catalog.photographs.reads import LARGEST_FILE_BYTES, BadPhotograph
from csv_files.tables import Refusal, table_rows
from data_import.sources.archive import Archive, images_of_archive, is_archive
from data_import.sources.manifest import OPTIONAL, REQUIRED, requests_of_rows
from data_import.sources.requests import (
    MOST_ENTRIES,
    Entry,
    ImageRequest,
    Listing,
    NothingToImport,
    plain_name,
    requests_of_entries,
    too_large,
)

SCHEME = "s3://"
MANIFEST = "manifest.csv"
LARGEST_MANIFEST_BYTES = 64 * 2**20
FETCHES_AT_ONCE = 16
TRIES = 3
BYTES_AT_ONCE = 4 * 2**20
FREE_BYTES_LEFT = 2**30
ABSENT = ("404", "NoSuchKey", "NotFound")
# Errors of one object: it is absent, may not be read, or is in cold storage. All other errors (expired keys, too many
# requests) concern every other object as well.
OF_ONE_OBJECT = (*ABSENT, "403", "AccessDenied", "InvalidObjectState")

Seen = Callable[[int], object]


def images_of_bucket(source: str, label_set: LabelSet, seen: Seen) -> Listing:
    """List the objects under s3://bucket/prefix by their keys after it, or the rows of a manifest.csv there.

    A source that ends in .csv is such a manifest; one that ends as an archive does, and is no prefix, is fetched and
    read as an archive. Raises NothingToImport and BadTable.
    """
    bucket, prefix, manifest = _parts(source)
    client = _client()
    if is_archive(source.rstrip("/")) and (n_bytes := _size(client, bucket, prefix.rstrip("/"), source)) is not None:
        return images_of_archive(_fetched(client, bucket, prefix.rstrip("/"), n_bytes, source, seen), label_set, seen)
    entries = _entries(client, bucket, prefix, seen, source)
    fetch = partial(_contents, client, bucket)
    if manifest in entries:
        return Listing(_requests_of_manifest(client, bucket, entries, manifest, source, label_set), fetch)
    if not entries or source.endswith(".csv"):
        raise NothingToImport(
            gettext("There are no objects at %(source)s. Name a bucket and a prefix: s3://bucket/prefix.")
            % {"source": source}
        )
    requests, remarks = requests_of_entries(entries.values(), label_set)
    return Listing(requests, fetch, remarks)


def _how_to_check() -> dict[str, str]:
    return {
        "shell": gettext("Check the name, AWS_ENDPOINT_URL, and the keys of this site."),
        "page": gettext(
            "Check the name. The site administrator must set the address of the bucket's server, and keys that may "
            "read it."
        ),
    }


def _how_to_resume() -> dict[str, str]:
    return {
        "shell": gettext("The same command resumes the import."),
        "page": gettext("The same import resumes where it stopped."),
    }


def _how_to_check_and_resume() -> dict[str, str]:
    check, resume = _how_to_check(), _how_to_resume()
    return {way: f"{check[way]} {resume[way]}" for way in check}


def _parts(source: str) -> tuple[str, str, str]:
    """Return the bucket, the prefix with its slash, and the name of the manifest below it."""
    bucket, _, path = source.removeprefix(SCHEME).partition("/")
    folder, manifest = path.strip("/"), MANIFEST
    if folder.endswith(".csv"):
        folder, _, manifest = folder.rpartition("/")
    if not bucket:
        raise NothingToImport(
            gettext("The address %(source)s lacks a bucket. Write s3://bucket/prefix.") % {"source": source}
        )
    return bucket, f"{folder}/" if folder else "", manifest


def _client() -> Any:
    style: Literal["path", "auto"] = "path" if settings.OBJECT_STORE["endpoint_url"] else "auto"
    config = Config(
        connect_timeout=10,
        read_timeout=60,
        retries={"mode": "standard", "max_attempts": TRIES},
        max_pool_connections=FETCHES_AT_ONCE,
        s3={"addressing_style": style},
    )
    return boto3.client("s3", config=config, **settings.OBJECT_STORE)


# An archive in a bucket


def _size(client: Any, bucket: str, key: str, source: str) -> int | None:
    """Return the number of an object's bytes; None if there is no object."""
    try:
        return int(client.head_object(Bucket=bucket, Key=key)["ContentLength"])
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and _words(error) in ABSENT:
            return None
        raise _cannot_fetch(source, _words(error)) from None


def _cannot_fetch(source: str, reason: str) -> NothingToImport:
    message = gettext("%(source)s cannot be fetched (%(reason)s).")
    return NothingToImport(message % {"source": source, "reason": reason}, **_how_to_check())


def _fetched(client: Any, bucket: str, key: str, n_bytes: int, source: str, seen: Seen) -> Archive:
    """Copy the object to a file of this machine without a name, which goes with the archive even if we are killed."""
    Path(settings.STATE_DIR).mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.STATE_DIR).free
    if n_bytes > free - FREE_BYTES_LEFT:
        raise NothingToImport(
            gettext(
                "%(source)s has %(size)s GiB. The server has %(free)s GiB free, and %(reserve)s GiB must stay free."
            )
            % {
                "source": source,
                "size": f"{n_bytes / 2**30:,.1f}",
                "free": f"{free / 2**30:,.1f}",
                "reserve": FREE_BYTES_LEFT // 2**30,
            },
            shell=gettext("Free space in %(folder)s, or unpack the archive in the bucket and name the prefix.")
            % {"folder": settings.STATE_DIR},
            page=gettext(
                "Ask the site administrator to free space, or unpack the archive in the bucket and name the prefix."
            ),
        )
    with ExitStack() as open_files:
        file = open_files.enter_context(TemporaryFile(dir=settings.STATE_DIR))
        reason = ""
        for _ in range(TRIES):
            try:
                _append(client, bucket, key, n_bytes, file, seen)
            except (BotoCoreError, ClientError) as error:
                reason = _words(error)
                continue
            archive = Archive(Path(f"/proc/self/fd/{file.fileno()}"), source)
            weakref.finalize(archive, open_files.pop_all().close)
            return archive
    raise _cannot_fetch(source, reason)


def _append(client: Any, bucket: str, key: str, n_bytes: int, file: BinaryIO, seen: Seen) -> None:
    """Fetch the part of the object that the file lacks, up to the size that the bucket listed."""
    begin = file.tell()
    if begin < n_bytes:
        answer = client.get_object(Bucket=bucket, Key=key, Range=f"bytes={begin}-{n_bytes - 1}")
        with closing(answer["Body"]) as body:
            while (missing := n_bytes - file.tell()) and (part := body.read(min(missing, BYTES_AT_ONCE))):
                file.write(part)
                seen(0)
    file.flush()


# Objects that are images


def _entries(client: Any, bucket: str, prefix: str, seen: Seen, source: str) -> dict[str, Entry]:
    """Return the objects by name below the prefix."""
    entries: dict[str, Entry] = {}
    try:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            objects = [item for item in page.get("Contents", ()) if not item["Key"].endswith("/")]
            for item in objects:
                name, n_bytes = item["Key"].removeprefix(prefix), item["Size"]
                entries[name] = Entry(name, (item["Key"], n_bytes), n_bytes)
            seen(len(objects))
            if len(entries) > MOST_ENTRIES:
                raise NothingToImport(
                    gettext("%(source)s has over %(n)s objects: import it prefix by prefix.")
                    % {"source": source, "n": f"{MOST_ENTRIES:,}"}
                )
    except (BotoCoreError, ClientError) as error:
        raise NothingToImport(
            gettext("%(source)s cannot be listed (%(reason)s).") % {"source": source, "reason": _words(error)},
            **_how_to_check(),
        ) from None
    return entries


def _words(error: Exception) -> str:
    code = error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else ""
    return code or str(error)


def _requests_of_manifest(
    client: Any, bucket: str, entries: dict[str, Entry], manifest: str, source: str, label_set: LabelSet
) -> list[ImageRequest | Refusal]:
    name = f"{source.rstrip('/').removesuffix('/' + manifest)}/{manifest}"
    key, n_bytes = entries[manifest].place
    if n_bytes > LARGEST_MANIFEST_BYTES:
        raise NothingToImport(
            gettext("%(name)s has over %(n)s MiB: split it.") % {"name": name, "n": LARGEST_MANIFEST_BYTES // 2**20}
        )
    try:
        content = client.get_object(Bucket=bucket, Key=key)["Body"].read(LARGEST_MANIFEST_BYTES)
    except (BotoCoreError, ClientError) as error:
        raise _cannot_fetch(name, _words(error)) from None
    rows = table_rows(name, content, REQUIRED, OPTIONAL)
    return list(requests_of_rows(rows, label_set, partial(_locate, entries)))


def _locate(entries: dict[str, Entry], where: str, file: str, name: str, label: Label | None) -> ImageRequest | Refusal:
    entry = entries.get(file) or entries.get(plain_name(file))
    if entry is None:
        reason = gettext("there is no object %(key)s beside the manifest: check the key")
        return Refusal(where, reason % {"key": PurePosixPath(file)})
    reason = too_large(entry.n_bytes)
    return Refusal(where, reason) if reason else ImageRequest(where, name, label, entry.place)


def _contents(client: Any, bucket: str, requests: Sequence[ImageRequest]) -> Iterator[Content]:
    """Yield the requested objects in their order, fetched in parallel a little ahead."""
    remaining = iter(requests)
    running: deque[tuple[ImageRequest, Future[Any]]] = deque()
    pool = ThreadPoolExecutor(FETCHES_AT_ONCE)
    try:
        while True:
            while len(running) < 2 * FETCHES_AT_ONCE and sum(item.place[1] for item, _ in running) < BYTES_AHEAD:
                if (item := next(remaining, None)) is None:
                    break
                running.append((item, pool.submit(_fetch, client, bucket, item.place[0])))
            if not running:
                return
            yield running.popleft()[1].result()
    finally:
        pool.shutdown(cancel_futures=True)


def _fetch(client: Any, bucket: str, key: str) -> bytes | BadPhotograph:
    """Return an object, or the reason why it cannot be read.

    Raises NothingToImport for errors that would concern every other object, such as a server that cannot be reached.
    """
    reason = ""
    for _ in range(TRIES):
        try:
            # One byte over the limit: whatever the listing says, nothing larger gets into memory.
            content: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read(LARGEST_FILE_BYTES + 1)
            return content
        except ClientError as error:
            reason = _words(error)
            if reason in OF_ONE_OBJECT:
                return BadPhotograph(
                    gettext("it cannot be fetched (%(reason)s): check that it exists and may be read")
                    % {"reason": reason}
                )
            # The client has retried errors that may pass.
            raise NothingToImport(
                gettext(
                    "The bucket %(bucket)s stopped serving objects (%(reason)s). The images imported so far are kept."
                )
                % {"bucket": bucket, "reason": reason},
                **_how_to_check_and_resume(),
            ) from None
        except BotoCoreError as error:
            # The client does not retry by itself when the connection ends within an object.
            reason = str(error)
    raise NothingToImport(
        gettext("The bucket %(bucket)s can no longer be reached (%(reason)s). The images imported so far are kept.")
        % {"bucket": bucket, "reason": reason},
        **_how_to_resume(),
    )
