"""The buckets that pages may import from: a list of the administrator's (settings: IMPORT_BUCKETS)."""

import re

from django.conf import settings
from django.utils.translation import gettext

from data_import.sources.requests import NothingToImport

SCHEME = "s3://"
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class ForbiddenBucket(NothingToImport):
    """An address that pages may not import from; the message says which ones they may."""


def bucket_address(text: str) -> tuple[str, ...]:
    """Return the bucket and the folders of an address, as they are written. Raises ValueError for anything unclear.

    >>> bucket_address("s3://lab/photographs/birds/")
    ('lab', 'photographs', 'birds')
    """
    bucket, *folders = text.removeprefix(SCHEME).removesuffix("/").split("/")
    unclear = [folder for folder in folders if folder in ("", ".", "..") or "\\" in folder or not folder.isprintable()]
    if not text.startswith(SCHEME) or not BUCKET.fullmatch(bucket) or unclear:
        raise ValueError(text)
    return bucket, *folders


def scope_of(text: str) -> tuple[str, ...]:
    """Return the bucket and the folders below which an import of this address reads: a manifest stands for its folder.

    >>> scope_of("s3://lab/photographs/first.csv")
    ('lab', 'photographs')
    """
    *above, last = bucket_address(text)
    return tuple(above) if above and last.endswith(".csv") else (*above, last)


def check_bucket(text: str) -> None:
    """Raise ForbiddenBucket if pages may not import from this address: it is not below one on the list."""
    allowed = [bucket_address(address) for address in settings.IMPORT_BUCKETS]
    try:
        scope = scope_of(text)
    except ValueError:
        scope = ()
    if any(scope[: len(folders)] == folders for folders in allowed):
        return
    if not allowed:
        raise ForbiddenBucket(gettext("The site administrator allows no bucket: upload the images instead."))
    message = gettext("“%(address)s” is not allowed. Allowed: %(allowed)s, and the folders in them.")
    raise ForbiddenBucket(message % {"address": text, "allowed": ", ".join(settings.IMPORT_BUCKETS)})
