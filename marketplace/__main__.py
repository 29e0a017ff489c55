"""`python -m marketplace CMD`: Django's command line with the marketplace's settings."""

import os
import sys

from django.core.management import ManagementUtility

if __name__ == "__main__":
    # Another project's settings in the environment are not meant for this one.
    os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.settings"
    ManagementUtility(["python -m marketplace", *sys.argv[1:]]).execute()
