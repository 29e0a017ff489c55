"""`python -m marketplace CMD`: Django's command line with the marketplace's settings."""

import os
import sys

from django.core.management import ManagementUtility

from marketplace.secret_files import make_key

if __name__ == "__main__":
    # The environment may name the settings of another project.
    os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.settings"
    make_key()
    ManagementUtility(["python -m marketplace", *sys.argv[1:]]).execute()
