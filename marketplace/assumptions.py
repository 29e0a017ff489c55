"""Decisions of this marketplace where no source documents the behaviour of Mechanical Turk. Printed at start."""

ASSUMED = (
    "After further assignments or a later expiration, a Reviewable or Reviewing HIT is Assignable again.",
    "When a HIT is published, money is held: for open places until the HIT ends, for work until its review.",
    "A change of a HIT's type does not change the reward of assignments that were already accepted.",
    "A UniqueRequestToken counts once for CreateHIT and CreateHITWithHITType together, once for "
    "CreateAdditionalAssignmentsForHIT and once for SendBonus, whatever the other parameters are.",
    "A repeated token of the latter two is a RequestError with the code InvalidParameterValue.",
    "A HIT is disposed of automatically 120 days after its expiration, if no work is pending review.",
    "A worker holds at most 25 HITs at a time.",
    "A worker without reviewed work has an approval rate of 100 percent.",
    "Wrongly signed requests get the general answers of AWS.",
    "HITReviewStatus is always NotReviewed.",
    "ListHITs begins with the newest HIT; other lists begin with the oldest row.",
    "A reward or bonus is at most 10,000 dollars.",
)
