"""The defences that can be taken out, by requirement (docs/security.md), and the tests that then fail."""

from tests.security.defences_of_marketplace import OF_MARKETPLACE
from tests.security.defences_of_requests import OF_REQUESTS
from tests.security.defences_of_site import OF_SITE
from tests.security.removal import Defence

DEFENCES: tuple[Defence, ...] = (*OF_SITE, *OF_MARKETPLACE, *OF_REQUESTS)
