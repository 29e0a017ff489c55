"""Images in a bucket of S3, or of a server that speaks like it (settings: object_store)."""

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

from catalog.decoding.reads import BYTES_AHEAD, Content
from catalog.models import Dataset, Label
from catalog.photographs.reads import LARGEST_FILE_BYTES, BadPhotograph
from csv_files.tables import Refusal, table_rows
from data_import.sources.archive import Archive, images_of_archive, is_archive
from data_import.sources.manifest import OPTIONAL, REQUIRED, wanted_rows
from data_import.sources.wanted import (
    MOST_ENTRIES,
    Entry,
    Found,
    NothingToImport,
    Wanted,
    plain_name,
    too_large,
    wanted_entries,
)

SCHEME = "s3://"
MANIFEST = "manifest.csv"
LARGEST_MANIFEST_BYTES = 64 * 2**20
FETCHES_AT_ONCE = 16
TRIES = 3
BYTES_AT_ONCE = 4 * 2**20
FREE_BYTES_LEFT = 2**30
ABSENT = ("404", "NoSuchKey", "NotFound")
# What is wrong with one object: it is gone, may not be read, or lies in an archive. Anything else that a server says
# (keys that ran out, too many requests) would be said of every other object as well.
OF_ONE_OBJECT = (*ABSENT, "403", "AccessDenied", "InvalidObjectState")
GOES_ON = {"shell": "The same command goes on from there.", "page": "The same import goes on from there."}
CHECK = "check the name, and AWS_ENDPOINT_URL and the keys of this site"

Seen = Callable[[int], object]


def images_of_bucket(source: str, dataset: Dataset, seen: Seen) -> Found:
    """The objects under s3://bucket/prefix, by their keys after it; or what a manifest.csv there says.

    A source that ends in .csv is such a manifest itself; one that ends as an archive does is fetched and read as one,
    if it is no prefix. Raises NothingToImport and BadTable.
    """
    bucket, prefix, manifest = _parts(source)
    client = _client()
    if is_archive(source.rstrip("/")) and (n_bytes := _size(client, bucket, prefix.rstrip("/"), source)) is not None:
        return images_of_archive(_fetched(client, bucket, prefix.rstrip("/"), n_bytes, source, seen), dataset, seen)
    entries = _entries(client, bucket, prefix, seen, source)
    fetch = partial(_contents, client, bucket)
    if manifest in entries:
        return Found(_wanted_of_manifest(client, bucket, entries, manifest, source, dataset), fetch)
    if not entries or source.endswith(".csv"):
        raise NothingToImport(f"There is nothing at {source}. Name a bucket and a prefix: s3://bucket/prefix.")
    wanted, remarks = wanted_entries(entries.values(), dataset)
    return Found(wanted, fetch, remarks)


def _parts(source: str) -> tuple[str, str, str]:
    """Bucket, prefix with its slash, and the name of the manifest below it."""
    bucket, _, path = source.removeprefix(SCHEME).partition("/")
    folder, manifest = path.strip("/"), MANIFEST
    if folder.endswith(".csv"):
        folder, _, manifest = folder.rpartition("/")
    if not bucket:
        raise NothingToImport(f"{source} names no bucket. Write s3://bucket/prefix.")
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
    """How many bytes an object has; None if there is none."""
    try:
        return int(client.head_object(Bucket=bucket, Key=key)["ContentLength"])
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and _words(error) in ABSENT:
            return None
        raise NothingToImport(f"{source} cannot be fetched ({_words(error)}): {CHECK}.") from None


def _fetched(client: Any, bucket: str, key: str, n_bytes: int, source: str, seen: Seen) -> Archive:
    """The object in a file of this machine that has no name: it goes with the archive, however this process ends."""
    Path(settings.STATE_DIR).mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.STATE_DIR).free
    if n_bytes > free - FREE_BYTES_LEFT:
        raise NothingToImport(
            f"{source} has {n_bytes / 2**30:,.1f} GiB, and {free / 2**30:,.1f} GiB are free, of which "
            f"{FREE_BYTES_LEFT // 2**30} are left.",
            shell=f"Make room in {settings.STATE_DIR}, or unpack it in the bucket and name the prefix.",
            page="Have room made on the server, or unpack it in the bucket and name the prefix.",
        )
    with ExitStack() as open_files:
        file = open_files.enter_context(TemporaryFile(dir=settings.STATE_DIR))
        lost = ""
        for _ in range(TRIES):
            try:
                _append(client, bucket, key, n_bytes, file, seen)
            except (BotoCoreError, ClientError) as error:
                lost = _words(error)
                continue
            archive = Archive(Path(f"/proc/self/fd/{file.fileno()}"), source)
            weakref.finalize(archive, open_files.pop_all().close)
            return archive
    raise NothingToImport(f"{source} cannot be fetched ({lost}): {CHECK}.")


def _append(client: Any, bucket: str, key: str, n_bytes: int, file: BinaryIO, seen: Seen) -> None:
    """What the file still lacks of the object; never more than the object was said to have."""
    begin = file.tell()
    if begin < n_bytes:
        found = client.get_object(Bucket=bucket, Key=key, Range=f"bytes={begin}-{n_bytes - 1}")
        with closing(found["Body"]) as body:
            while (missing := n_bytes - file.tell()) and (part := body.read(min(missing, BYTES_AT_ONCE))):
                file.write(part)
                seen(0)
    file.flush()


# Objects that are images


def _entries(client: Any, bucket: str, prefix: str, seen: Seen, source: str) -> dict[str, Entry]:
    """By name below the prefix, page by page of the listing."""
    entries: dict[str, Entry] = {}
    try:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            found = [item for item in page.get("Contents", ()) if not item["Key"].endswith("/")]
            for item in found:
                name, n_bytes = item["Key"].removeprefix(prefix), item["Size"]
                entries[name] = Entry(name, (item["Key"], n_bytes), n_bytes)
            seen(len(found))
            if len(entries) > MOST_ENTRIES:
                raise NothingToImport(f"{source} has over {MOST_ENTRIES:,} objects: import it prefix by prefix.")
    except (BotoCoreError, ClientError) as error:
        raise NothingToImport(f"{source} cannot be listed ({_words(error)}): {CHECK}.") from None
    return entries


def _words(error: Exception) -> str:
    code = error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else ""
    return code or str(error)


def _wanted_of_manifest(
    client: Any, bucket: str, entries: dict[str, Entry], manifest: str, source: str, dataset: Dataset
) -> list[Wanted | Refusal]:
    name = f"{source.rstrip('/').removesuffix('/' + manifest)}/{manifest}"
    key, n_bytes = entries[manifest].place
    if n_bytes > LARGEST_MANIFEST_BYTES:
        raise NothingToImport(f"{name} has over {LARGEST_MANIFEST_BYTES // 2**20} MiB: split it.")
    try:
        content = client.get_object(Bucket=bucket, Key=key)["Body"].read(LARGEST_MANIFEST_BYTES)
    except (BotoCoreError, ClientError) as error:
        raise NothingToImport(f"{name} cannot be fetched ({_words(error)}): {CHECK}.") from None
    rows = table_rows(name, content, REQUIRED, OPTIONAL)
    return list(wanted_rows(rows, dataset, partial(_locate, entries)))


def _locate(entries: dict[str, Entry], where: str, file: str, name: str, label: Label | None) -> Wanted | Refusal:
    entry = entries.get(file) or entries.get(plain_name(file))
    if entry is None:
        return Refusal(where, f"there is no object {PurePosixPath(file)} beside the manifest: check the key")
    reason = too_large(entry.n_bytes)
    return Refusal(where, reason) if reason else Wanted(where, name, label, entry.place)


def _contents(client: Any, bucket: str, wanted: Sequence[Wanted]) -> Iterator[Content]:
    """The objects in the order wanted, fetched side by side a little ahead."""
    remaining = iter(wanted)
    running: deque[tuple[Wanted, Future[Any]]] = deque()
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
    """Raises NothingToImport when the server cannot be reached or serves nobody: every other object would fail, too."""
    lost = ""
    for _ in range(TRIES):
        try:
            # One byte more than is taken: whatever the listing said, nothing larger comes into memory.
            content: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read(LARGEST_FILE_BYTES + 1)
            return content
        except ClientError as error:
            reason = _words(error)
            if reason in OF_ONE_OBJECT:
                return BadPhotograph(f"it cannot be fetched ({reason}): check that it is there and may be read")
            # What is worth a second try has had it (client's retries).
            raise NothingToImport(
                f"The bucket {bucket} gives nothing more ({reason}): {CHECK}. What is in stays.", **GOES_ON
            ) from None
        except BotoCoreError as error:
            # The client tries again by itself, but not when the connection ends within an object.
            lost = str(error)
    raise NothingToImport(f"The bucket {bucket} cannot be reached any more ({lost}). What is in stays.", **GOES_ON)
