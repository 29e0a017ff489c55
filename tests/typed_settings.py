"""The settings under which types are checked: the site's, with the tables of the kind that a test makes up."""

from annotation_site.settings import *  # noqa: F403
from annotation_site.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.made_up_task"]
