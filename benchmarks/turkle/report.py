"""Print what was measured: beside Turkle, and beside an earlier checkout of ours."""

import os
import statistics
from collections.abc import Iterable

from benchmarks.turkle.sides import CLIENTS, FEW, NEXT, THEIRS, Side

STEPS = ("accept", "open", "hand_in")


def report(sides: list[Side]) -> None:
    loads = " ".join(f"{load:.1f}" for load in os.getloadavg())
    print(f"\n{os.cpu_count()} cores, load {loads}, {CLIENTS} clients; median of the rounds (lowest-highest)\n")
    report_beside_turkle(sides)
    report_hand_outs({side.name: side.percentile(NEXT, 95) for side in sides})
    pairs = [(side, side.before) for side in sides if side.before]
    if pairs:
        report_beside_before(pairs)


def report_beside_turkle(sides: list[Side]) -> None:
    steps = "  ".join(f"{step + ' p50/p95':>17}" for step in ("accept", "open", "hand in"))
    print(f"{'':24} {'cycles a second':>20}  {'times Turkle':>18}  {steps}  in ms")
    turkle = next(side for side in sides if side.site == THEIRS)
    for side in sides:
        times = "  ".join(f"{side.percentile(step, 50):8.1f}/{side.percentile(step, 95):8.1f}" for step in STEPS)
        print(f"{side.name:24} {spread(side.rates):>20}  {ratio(side.rates, turkle.rates, 1):>18}  {times}")


def report_hand_outs(p95: dict[str, float]) -> None:
    slowness = p95["Turkle, one question"] / p95["ours, one question"]
    growth = p95["ours, many slots open"] / p95["ours, few slots open"]
    print(f"\np95 of submitting and getting the next HIT: Turkle's is {slowness:.1f} times ours.")
    print(f"With many open slots it is {growth:.2f} times what it is with {FEW:,}.")


def report_beside_before(pairs: Iterable[tuple[Side, Side]]) -> None:
    print("\nOurs as a multiple of the earlier checkout's, round by round:\n")
    steps = "  ".join(f"{step + ' p95':>22}" for step in (NEXT, "open"))
    print(f"{'':24} {'cycles a second':>20}  {steps}")
    for side, before in pairs:
        times = "  ".join(f"{ratio_of_step(side, before, step):>22}" for step in (NEXT, "open"))
        print(f"{side.work:24} {ratio(side.rates, before.rates):>20}  {times}")


def ratio_of_step(side: Side, before: Side, step: str) -> str:
    """Compare the step's p95. In a frame, accepting opens as well, and there is nothing to compare."""
    if side.kind == "framed" and step == "open":
        return "-"
    return ratio(side.p95_of_rounds(step), before.p95_of_rounds(step))


def ratio(figures: list[float], others: list[float], digits: int = 2) -> str:
    return spread([figure / other for figure, other in zip(figures, others, strict=True)], digits)


def spread(figures: list[float], digits: int = 1) -> str:
    return f"{statistics.median(figures):.{digits}f} ({min(figures):.{digits}f}-{max(figures):.{digits}f})"
