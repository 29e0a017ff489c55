"""The API's description as botocore ships it: the endpoint reads its requests and answers from there."""

from botocore.loaders import Loader

MODEL = Loader().load_service_model("mturk", "service-2", api_version="2017-01-17")
OPERATIONS = MODEL["operations"]
SHAPES = MODEL["shapes"]
TARGET_PREFIX = MODEL["metadata"]["targetPrefix"] + "."
CONTENT_TYPE = f"application/x-amz-json-{MODEL['metadata']['jsonVersion']}"
