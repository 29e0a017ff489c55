import os
import sys
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.translation import gettext

from marketplace.assumptions import ASSUMED


class Command(BaseCommand):
    help = "Serve the marketplace on the host and port of MARKETPLACE_ORIGIN, or on --bind."

    def add_arguments(self, parser) -> None:
        parser.add_argument(
            "--bind", action="append", metavar="HOST:PORT", help="address to listen on; can be repeated"
        )
        parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
        parser.add_argument("--threads", type=int, default=8, help="threads of each process (default 8)")
        parser.add_argument(
            "--sweep-every",
            type=float,
            default=5,
            metavar="SECONDS",
            help="seconds between sweeps (default 5; 0: never)",
        )

    def handle(self, *, bind: list[str] | None, workers: int, threads: int, sweep_every: float, **options) -> None:
        addresses = [word for address in bind or [default_address()] for word in ("--bind", address)]
        size = ["--worker-class", "gthread", "--workers", str(workers), "--threads", str(threads)]
        limits = ["--timeout", "60", "--graceful-timeout", "10", "--no-control-socket"]
        words = [sys.executable, "-m", "gunicorn", "marketplace.served:application", *addresses, *size, *limits]
        self.stdout.write(
            gettext("If no source documents the behaviour of Mechanical Turk, this marketplace does the following:")
        )
        self.stdout.writelines(f"  - {text}\n" for text in ASSUMED)
        self.stdout.flush()
        os.environ["MARKETPLACE_SWEEP_EVERY"] = str(sweep_every)
        # The server replaces this process, so that stopping this process stops the server.
        os.execv(sys.executable, words)


def default_address() -> str:
    parts = urlsplit(settings.ORIGIN)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
