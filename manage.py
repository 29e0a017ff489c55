#!/usr/bin/env python3
"""Django's command line. `./manage` calls it with the embedded services running; a deployment directly."""

import os
import sys

from annotation_site.management.command_line import CommandLine

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotation_site.settings")
    CommandLine(["./manage", *sys.argv[1:]]).execute()
