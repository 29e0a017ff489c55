"""The supervisor of the parts: it reports when a part ends and restarts it, after longer pauses if it keeps ending."""

import contextlib
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from launcher.places import PlaceError
from launcher.processes import Part

READY_SECONDS = 60
SOON_SECONDS = 10
LONGEST_PAUSE = 30
TICK = 0.1


@dataclass
class Watch:
    """The supervisor's notes on a part."""

    part: Part
    started: float = field(default_factory=time.monotonic)
    soon_ended: int = 0
    retry_at: float | None = None
    ready_by: float | None = None


class Supervisor:
    def __init__(self, say: Callable[[str], None] | None = None) -> None:
        self.say = say or say_aloud
        self.watches: list[Watch] = []
        self.stopping = False

    def catch_signals(self) -> None:
        """Let Ctrl-C, `kill` and a closed terminal stop every part, in order."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.request_stop)

    def request_stop(self, *_: object) -> None:
        self.stopping = True

    def start(self, part: Part, seconds: float = READY_SECONDS) -> None:
        """Start a part for the first time. Raises PlaceError if it does not serve within `seconds`."""
        self.watches.append(Watch(part))
        part.start()
        deadline = time.monotonic() + seconds
        while not self.stopping and not part.wait_ready(TICK):
            if not part.running() or time.monotonic() > deadline:
                reason = ending(part) if not part.running() else f"did not answer within {seconds:.0f} s"
                raise PlaceError(f"{part.name} {reason}. Its log, {part.log}, ends:\n{part.last_lines()}")

    def watch(self) -> None:
        """Look after all parts until a request to stop."""
        while not self.stopping:
            for watch in self.watches:
                self.look_after(watch)
            time.sleep(TICK)

    def look_after(self, watch: Watch) -> None:
        now = time.monotonic()
        if watch.retry_at is not None:
            if now >= watch.retry_at:
                self.try_again(watch, now)
        elif not watch.part.running():
            self.crashed(watch, now, ending(watch.part))
        elif watch.ready_by is not None and watch.part.process and watch.part.ready():
            watch.ready_by = None
            self.say(f"{watch.part.name} is back (process {watch.part.process.pid})")
            self.restart_followers(watch.part)
        elif watch.ready_by is not None and now > watch.ready_by:
            self.crashed(watch, now, f"did not answer within {READY_SECONDS} s of its restart")

    def crashed(self, watch: Watch, now: float, reason: str) -> None:
        """Clear the rest of the part away; wait longer each time it ends soon after its start."""
        part = watch.part
        part.stop()
        watch.soon_ended = watch.soon_ended + 1 if now - watch.started < SOON_SECONDS else 0
        pause = min(LONGEST_PAUSE, 2 ** (watch.soon_ended - 3)) if watch.soon_ended > 1 else 0
        watch.retry_at, watch.ready_by = now + pause, None
        if not pause:
            self.say(f"{part.name} {reason}; restarting it")
        else:
            self.say(
                f"{part.name} {reason}, {watch.soon_ended} times in a row soon after its start; "
                f"restarting it in {pause} s. Its log, {part.log}, ends:\n{part.last_lines()}"
            )

    def try_again(self, watch: Watch, now: float) -> None:
        try:
            watch.part.start()
        except (OSError, PlaceError) as error:
            self.crashed(watch, now, f"could not be started ({error})")
        else:
            watch.started, watch.retry_at, watch.ready_by = now, None, now + READY_SECONDS

    def restart_followers(self, leader: Part) -> None:
        """Restart the parts that do not survive the restart of their leader."""
        for watch in self.watches:
            if watch.part.follows == leader.name and watch.part.running():
                self.say(f"{watch.part.name} is restarted after {leader.name}")
                watch.part.stop()
                watch.soon_ended = 0
                watch.retry_at, watch.ready_by = time.monotonic(), None

    def stop(self) -> None:
        """Stop the parts in reverse order, so that the database outlives all that write to it."""
        for watch in reversed(self.watches):
            if watch.part.running():
                self.say(f"stopping {watch.part.name}")
            watch.part.stop()


def ending(part: Part) -> str:
    code = part.process.returncode if part.process else None
    if code is not None and code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit status {code}"


def say_aloud(message: str) -> None:
    # The terminal may be gone while the parts are still to be stopped.
    with contextlib.suppress(OSError):
        print(f"{time.strftime('%H:%M:%S')} {message}", file=sys.stderr, flush=True)
