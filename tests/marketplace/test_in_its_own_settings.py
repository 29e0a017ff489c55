"""The tests beside this one, in a process whose Django has the marketplace's settings and none of the site's."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from django.conf import settings

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DOCTESTS = sorted(path for path in (ROOT / "marketplace").rglob("*.py") if ">>> " in path.read_text(encoding="utf-8"))
WORDS = ["-m", "pytest", "--ds=marketplace.settings", "-q", "-p", "no:cacheprovider"]


def test_the_marketplace_passes_its_tests_under_its_own_settings():
    server = settings.DATABASES["default"]
    url = f"postgres://{server['USER']}@{quote(server['HOST'], safe='')}/marketplace"
    environment = os.environ | {"MARKETPLACE_DATABASE_URL": url, "MARKETPLACE_SECRET_KEY": settings.SECRET_KEY}
    process = subprocess.run(
        [sys.executable, *WORDS, str(HERE), *map(str, DOCTESTS)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    print(process.stdout.strip().splitlines()[-1])
    assert process.returncode == 0, process.stdout + process.stderr
