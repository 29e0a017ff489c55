#!/usr/bin/env python3
"""Django's command line. `./manage` calls it with the embedded services running; a deployment directly."""

import os
import sys

if __name__ == "__main__":
    # Here and not above: the processes that decode images load this file again, and have memory for little else.
    from annotation_site.management.command_line import CommandLine

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotation_site.settings")
    CommandLine(["./manage", *sys.argv[1:]]).execute()
