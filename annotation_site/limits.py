"""Limits on the pace of requests: a part of the settings, from the environment alone."""

from annotation_site.environment import env_int


def frame_requests_a_minute() -> dict[str, int]:
    """Return how many pages may be opened and answers submitted in a marketplace's frame.

    From one network address, and in one worker's name from there and from anywhere. The people of a lab, or of a whole
    university, may share an address.
    """
    return {
        "address": env_int("FRAME_REQUESTS_PER_ADDRESS", 3000, lowest=1),
        "worker": env_int("FRAME_REQUESTS_PER_WORKER", 240, lowest=1),
        "worker_anywhere": env_int("FRAME_REQUESTS_PER_WORKER_ANYWHERE", 2400, lowest=1),
    }


def rest_requests_a_minute() -> dict[str, int]:
    """Return how many REST requests one network may make, whatever their keys, and one key from anywhere.

    A notebook that reads page by page makes some ten a second.
    """
    return {
        "network": env_int("REST_REQUESTS_PER_NETWORK", 6000, lowest=1),
        "key": env_int("REST_REQUESTS_PER_KEY", 3000, lowest=1),
    }
