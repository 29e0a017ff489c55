"""Secrets in addresses, kept out of logs: Django logs the path of each request that it refuses."""

import logging
import re

# The link of an invitation, and of a rejection that a second person may agree to, let their reader in.
ADDRESS = re.compile(r"(/(?:invitations|setup/second)/)[^/\s]+")


class HideSecrets(logging.Filter):
    """A filter that replaces secrets by dots, and lets every record through."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        hidden = ADDRESS.sub(r"\1…", message)
        if hidden != message:
            record.msg, record.args = hidden, ()
        return True
