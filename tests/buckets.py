"""A server of S3's kind on loopback, for the tests that need a bucket."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import boto3
from moto.server import ThreadedMotoServer

KEYS = {"region_name": "us-east-1", "aws_access_key_id": "researcher", "aws_secret_access_key": "not-a-secret"}


@contextmanager
def s3_server() -> Iterator[dict[str, Any]]:
    """The server's settings.OBJECT_STORE."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    # Moto replaces the keys in the environment when it starts.
    with mock.patch.dict("os.environ"):
        server.start()
    host, port = server.get_host_and_port()
    try:
        yield KEYS | {"endpoint_url": f"http://{host}:{port}"}
    finally:
        server.stop()


def bucket_of(store: dict[str, Any], name: str, files: dict[str, bytes]) -> Any:
    """A bucket with these objects; the client."""
    client = boto3.client("s3", **store)
    client.create_bucket(Bucket=name)
    for key, content in files.items():
        client.put_object(Bucket=name, Key=key, Body=content)
    return client
