"""The defences that can be taken out, by requirement (docs/security.md), and the tests that then fail."""

from tests.security.defences_of_drafts import OF_DRAFTS
from tests.security.defences_of_grids import OF_GRIDS
from tests.security.defences_of_guide import OF_GUIDE
from tests.security.defences_of_marketplace import OF_MARKETPLACE
from tests.security.defences_of_requests import OF_REQUESTS
from tests.security.defences_of_sign_in import OF_SIGN_IN
from tests.security.defences_of_site import OF_SITE
from tests.security.defences_of_votes import OF_VOTES
from tests.security.defences_of_ways_in import OF_WAYS_IN
from tests.security.removal import Defence

DEFENCES: tuple[Defence, ...] = (
    *OF_SITE,
    *OF_REQUESTS,
    *OF_SIGN_IN,
    *OF_WAYS_IN,
    *OF_MARKETPLACE,
    *OF_VOTES,
    *OF_GRIDS,
    *OF_DRAFTS,
    *OF_GUIDE,
)
