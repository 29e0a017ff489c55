"""Settings about networks: trusted proxies, and the limits of requests and leases of one network or key."""

import ipaddress

from django.core.exceptions import ImproperlyConfigured

from annotation_site.environment import env_int, env_list, env_str


def trusted_proxies() -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Return the addresses and networks whose proxies are believed about the address of a request."""
    try:
        return [ipaddress.ip_network(word) for word in env_list("TRUSTED_PROXIES")]
    except ValueError as error:
        raise ImproperlyConfigured(
            f"TRUSTED_PROXIES: {error}. Write addresses or networks, such as 10.0.0.5,172.16.0.0/12."
        ) from None


TRUSTED_PROXIES = trusted_proxies()
CLIENT_ADDRESS_HEADER = env_str("CLIENT_ADDRESS_HEADER", "X-Forwarded-For")
# Pages opened and answers submitted in a marketplace's frame: from one network, and in one worker's name from there and
# from anywhere. The people of a lab, or of a whole university, may share an address.
FRAME_REQUESTS_A_MINUTE = {
    "address": env_int("FRAME_REQUESTS_PER_ADDRESS", 3000, lowest=1),
    "worker": env_int("FRAME_REQUESTS_PER_WORKER", 240, lowest=1),
    "worker_anywhere": env_int("FRAME_REQUESTS_PER_WORKER_ANYWHERE", 2400, lowest=1),
}
# On links, of one network in one batch, by `Batch.networks`: a lab's people share one, those of Prolific do not.
LINK_REQUESTS_A_MINUTE = {
    "shared": env_int("LINK_REQUESTS_PER_SHARED_NETWORK", 600, lowest=1),
    "own": env_int("LINK_REQUESTS_PER_NETWORK", 60, lowest=1),
}
# Drafts, which pages save while people work: of one page, and of one network. They count apart from answers.
DRAFTS_A_MINUTE = {
    "page": env_int("DRAFTS_PER_PAGE", 60, lowest=1),
    "network": env_int("DRAFTS_PER_NETWORK", 6000, lowest=1),
}
DRAFT_DAYS = env_int("DRAFT_DAYS", 30, lowest=8)
OPEN_LINK_LEASES = {
    "shared": env_int("LINK_LEASES_PER_SHARED_NETWORK", 60, lowest=1),
    "own": env_int("LINK_LEASES_PER_NETWORK", 6, lowest=1),
}
# A notebook that reads page by page makes some ten requests a second.
REST_REQUESTS_A_MINUTE = {
    "network": env_int("REST_REQUESTS_PER_NETWORK", 6000, lowest=1),
    "key": env_int("REST_REQUESTS_PER_KEY", 3000, lowest=1),
}
# Of an ID that has submitted nothing in a batch. The introduction's minutes make it longer.
FIRST_LEASE_SECONDS = env_int("FIRST_LEASE_SECONDS", 900, lowest=30)
# For so long the keyed mark of a network stays with a lease.
NETWORK_MARK_DAYS = env_int("NETWORK_MARK_DAYS", 30, lowest=1)
