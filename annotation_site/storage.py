"""Storage of images and access to buckets: a part of the settings, from the environment alone."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from annotation_site.environment import env_list, env_str


def object_store() -> dict[str, Any]:
    """Return boto3's access to S3 or a server with the same protocol.

    Only the administrator sets it, never a page or a command: a user could otherwise send requests from inside this
    network.
    """
    endpoint = env_str("AWS_ENDPOINT_URL")
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise ImproperlyConfigured(
            f"AWS_ENDPOINT_URL={endpoint!r} is not an http address. Write one, such as https://s3.example.org, "
            "or remove it to use Amazon S3."
        )
    return {
        "endpoint_url": endpoint or None,
        "region_name": env_str("AWS_DEFAULT_REGION", "us-east-1"),
        # Without a key boto3 searches as usual: its own files, the role of the machine.
        "aws_access_key_id": env_str("AWS_ACCESS_KEY_ID") or None,
        "aws_secret_access_key": env_str("AWS_SECRET_ACCESS_KEY") or None,
    }


def import_buckets() -> list[str]:
    """Return the addresses of the buckets, and of folders in them, from which pages may import; none by default.

    The site's keys may open more buckets than its researchers are meant to see.
    """
    addresses = [address.rstrip("/") for address in env_list("IMPORT_BUCKETS")]
    for address in addresses:
        folders = address.removeprefix("s3://").split("/")
        if not address.startswith("s3://") or {"", ".", ".."} & set(folders) or not address.isprintable():
            raise ImproperlyConfigured(
                f"IMPORT_BUCKETS names {address!r}, which is no bucket. Write s3://bucket or s3://bucket/folder, "
                "with commas between several."
            )
    return addresses


def media_storage(store: Mapping[str, Any]) -> dict[str, Any]:
    """Return the storage of images: MEDIA_ROOT, or MEDIA_BUCKET. Incomplete files are overwritten in both.

    `store` comes from `object_store`. The bucket stays private: only the site's own views read from it.
    """
    bucket = env_str("MEDIA_BUCKET")
    if not bucket:
        return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"allow_overwrite": True}}
    options = {
        "bucket_name": bucket,
        "endpoint_url": store["endpoint_url"],
        "region_name": store["region_name"],
        "access_key": store["aws_access_key_id"],
        "secret_key": store["aws_secret_access_key"],
        "addressing_style": "path" if store["endpoint_url"] else None,
        "default_acl": None,
        "querystring_auth": True,
        "file_overwrite": True,
    }
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
