"""What this marketplace does although no source tells whether Mechanical Turk did the same. Printed when it starts."""

ASSUMED = (
    "A Reviewable or Reviewing HIT that gets further assignments or a later expiration is Assignable again.",
    "Money is held when a HIT is published: for its open places until it ends, for work until it is reviewed.",
    "A change of a HIT's type leaves the reward of those who accepted it before.",
    "A UniqueRequestToken counts once for CreateHIT and CreateHITWithHITType together, and apart from that once for "
    "CreateAdditionalAssignmentsForHIT and once for SendBonus, whatever else the request says.",
    "A repeated token of the latter two is a RequestError with the code InvalidParameterValue.",
    "A HIT is disposed of by itself 120 days after its expiration, if none of its work waits for review.",
    "A worker holds at most 25 HITs at a time.",
    "A worker none of whose work was reviewed has 100 percent of it approved.",
    "Requests that are not signed as they should be get the answers that AWS gives in general.",
    "HITReviewStatus is always NotReviewed.",
    "ListHITs begins with the newest HIT; other lists begin with the oldest row.",
    "A reward or bonus is at most 10,000 dollars.",
)
