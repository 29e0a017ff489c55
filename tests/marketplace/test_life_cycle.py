"""From publishing to pay, through an unmodified client."""

from tests.marketplace.parties import hand_in


def test_a_hit_is_published_worked_on_approved_and_paid(lab):
    hit = lab.publish(max_assignments=2)
    assert lab.hit(hit)["HITStatus"] == "Assignable"
    assert lab.balance() == ("999.76", "0.24")
    first, second = hand_in(hit, label="cat"), hand_in(hit, label="dog")
    assert lab.hit(hit)["HITStatus"] == "Reviewable"
    listed = lab.client.list_assignments_for_hit(HITId=hit.public_id)["Assignments"]
    assert [one["AssignmentId"] for one in listed] == [first.public_id, second.public_id]
    lab.client.approve_assignment(AssignmentId=first.public_id, RequesterFeedback="Thank you")
    lab.client.reject_assignment(AssignmentId=second.public_id, RequesterFeedback="There is no dog")
    assert lab.balance() == ("999.88", "0.00")
    lab.client.delete_hit(HITId=hit.public_id)
    assert lab.hit(hit)["HITStatus"] == "Disposed"
