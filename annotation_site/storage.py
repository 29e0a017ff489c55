"""Where images are kept, and how buckets are reached: a part of the settings, from the environment alone."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from annotation_site.environment import env_str


def object_store() -> dict[str, Any]:
    """How boto3 reaches S3 or a server that speaks like it. Only who deploys decides that, never a page or a command:
    an address of the user's choice would let them send requests from inside this network.
    """
    endpoint = env_str("AWS_ENDPOINT_URL")
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise ImproperlyConfigured(
            f"AWS_ENDPOINT_URL={endpoint!r} is no http address. Write one, such as https://s3.example.org, "
            "or remove it to use Amazon's."
        )
    return {
        "endpoint_url": endpoint or None,
        "region_name": env_str("AWS_DEFAULT_REGION", "us-east-1"),
        # Without a key boto3 looks where it always does: its own files, the role of the machine.
        "aws_access_key_id": env_str("AWS_ACCESS_KEY_ID") or None,
        "aws_secret_access_key": env_str("AWS_SECRET_ACCESS_KEY") or None,
    }


def media_storage(store: Mapping[str, Any]) -> dict[str, Any]:
    """Where images are kept: MEDIA_ROOT, or MEDIA_BUCKET. What a stop left half-way is overwritten in both.

    `store` is what `object_store` returns. The bucket stays private: nobody is sent there, the site's own views read
    from it.
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
