"""Thresholds of the flags on workers and controls, each with its reason. They were set before any fraud was simulated.

All effects on answers are on the scale of log odds. A difference of 1 there turns 5 % of errors into 12 %, and 90 %
recall into 77 %.
"""

from __future__ import annotations

from numerics.workers.tables import (
    AGREEMENT,
    CONSISTENCY,
    ENTROPY,
    FALSE_ALARMS,
    LIKENESS,
    PERIODICITY,
    RECALL,
    SECONDS,
    SHARE_SELECTED,
)

# A measure flags a worker if its q is this or less: in one study of 20, each measure flags one honest worker or more.
# A flag alone excludes nobody: rules say what it does.
FLAG_AT = 0.05

# The fewest observations for a flag. Two unlucky controls, or one odd grid, are no evidence of anything.
FEWEST: dict[str, int] = {
    RECALL: 5,
    FALSE_ALARMS: 3,
    SHARE_SELECTED: 40,
    AGREEMENT: 40,
    CONSISTENCY: 5,
    SECONDS: 20,
    ENTROPY: 10,
    PERIODICITY: 10,
    LIKENESS: 40,
}

# Honest people differ: a worker is compared with a population whose log odds have a standard deviation. It is estimated
# from the workers of the study, together with this prior, which counts as that many workers: of twelve people alone,
# nobody can tell how much people differ. Half a unit is the spread of careful people in studies of this kind: most have
# between half and twice the typical odds of an error.
PRIOR_SPREAD = 0.5
PRIOR_WORKERS = 10
# The same for log seconds: most people take between half and twice the typical time.
PRIOR_SPREAD_OF_SECONDS = 0.4

# Others agree on a cell if the probability of the less likely answer is this or less. Errors on other cells tell
# nothing about care.
MOST_DOUBT = 0.25

# Selections of honest people lean a little to some places of a grid, by fatigue or the order of looking. Mean
# correlation of the places selected in two grids, and of a grid with itself at a distance, up to which nobody is
# suspected.
LEANING_TO_PLACES = 0.02
LEANING_TO_DISTANCES = 0.05
LARGEST_DISTANCE = 12

# Two honest people agree beyond what the answers of others explain, since they share views of a class. How much this
# differs between couples is estimated from those of the study, together with a prior spread of log odds ratios that
# counts as so many couples.
SHARED_VIEWS = 0.3
PRIOR_COUPLES = 30

# Of a couple, a worker who answers first is not suspected. So he must come later on this share of the cells, and be as
# much like the other there, measured by this part of the likeness over all cells. (This rule of who is meant replaced
# another after the first simulated frauds; the benchmark uses seeds that were not looked at before.)
LEAST_SHARE_LATER = 0.2
LEAST_PART_LATER = 0.5

# The fewest votes of others on a cell from which a chance of agreement can be told.
FEWEST_OTHERS = 2

# A control is switched off if good workers fail it: at least so many of them saw it, and the interval of the share
# that passed lies below this share.
FEWEST_GOOD_WORKERS = 5
LEAST_SHARE_OF_GOOD_WORKERS = 0.75

# A pair is proposed as a control if so many unflagged workers answered it, and all alike.
FEWEST_UNANIMOUS = 8
