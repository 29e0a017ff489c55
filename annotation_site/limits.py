"""Limits on the pace of requests: a part of the settings, from the environment alone."""

from annotation_site.environment import env_int


def rest_requests_a_minute() -> dict[str, int]:
    """Return how many REST requests one network may make, whatever their keys, and one key from anywhere.

    A notebook that reads page by page makes some ten a second.
    """
    return {
        "network": env_int("REST_REQUESTS_PER_NETWORK", 6000, lowest=1),
        "key": env_int("REST_REQUESTS_PER_KEY", 3000, lowest=1),
    }
