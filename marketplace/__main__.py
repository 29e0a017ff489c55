"""`python -m marketplace CMD`: Django's command line with the marketplace's settings."""

import os
import sys

from django.core.management import ManagementUtility

from marketplace.secret_files import make_key
from marketplace.texts import NOT_IN_A_TEXT

if __name__ == "__main__":
    # The environment may name the settings of another project.
    os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.settings"
    for word in sys.argv[1:]:
        if NOT_IN_A_TEXT.search(word):
            sys.exit(f"stopped: {word!a} contains control characters, or is not UTF-8. Nothing was changed.")
    make_key()
    ManagementUtility(["python -m marketplace", *sys.argv[1:]]).execute()
