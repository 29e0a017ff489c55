"""Words for states of assignments and for links to decisions, as the pages show them."""

from django.utils.translation import gettext_lazy

STATUSES = {
    "submitted": gettext_lazy("submitted"),
    "approved": gettext_lazy("approved"),
    "rejected": gettext_lazy("rejected"),
}
FINDINGS = {
    "confirmed": gettext_lazy("confirmed"),
    "surplus": gettext_lazy("surplus"),
    "recovered": gettext_lazy("recovered"),
    "repeated": gettext_lazy("repeated"),
    "unreadable": gettext_lazy("unreadable"),
    "compensation": gettext_lazy("compensation"),
}
DECISIONS = {
    "override": gettext_lazy("Reverse rejection"),
    "reject": gettext_lazy("Reject"),
    "bonus": gettext_lazy("Pay bonus"),
    "block": gettext_lazy("Block"),
    "let_in": gettext_lazy("Unblock"),
}
