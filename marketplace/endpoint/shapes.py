"""Rows as the structures of the API, without members that have no value; times are whole epoch seconds."""

from datetime import datetime

from marketplace.models import (
    HIT,
    Assignment,
    BonusPayment,
    Qualification,
    QualificationRequest,
    QualificationType,
    WorkerBlock,
)
from marketplace.prices import dollars


def hit_shape(hit: HIT) -> dict:
    kind = hit.hit_type
    return members_of(
        HITId=hit.public_id,
        HITTypeId=kind.public_id,
        HITGroupId=kind.group_id,
        CreationTime=seconds(hit.created_at),
        Title=kind.title,
        Description=kind.description,
        Question=hit.question,
        Keywords=kind.keywords,
        HITStatus=hit.status,
        MaxAssignments=hit.max_assignments,
        Reward=dollars(kind.reward_cents),
        AutoApprovalDelayInSeconds=kind.auto_approval_seconds,
        Expiration=seconds(hit.expires_at),
        AssignmentDurationInSeconds=kind.assignment_seconds,
        RequesterAnnotation=hit.annotation or None,
        QualificationRequirements=kind.requirements,
        HITReviewStatus="NotReviewed",
        NumberOfAssignmentsPending=hit.n_pending,
        NumberOfAssignmentsAvailable=hit.n_available,
        NumberOfAssignmentsCompleted=hit.n_approved + hit.n_rejected,
    )


def assignment_shape(assignment: Assignment) -> dict:
    return members_of(
        AssignmentId=assignment.public_id,
        WorkerId=assignment.holder.public_id,
        HITId=assignment.hit.public_id,
        AssignmentStatus=assignment.status,
        AutoApprovalTime=seconds(assignment.auto_approval_at),
        AcceptTime=seconds(assignment.accepted_at),
        SubmitTime=seconds(assignment.submitted_at),
        ApprovalTime=seconds(assignment.approved_at),
        RejectionTime=seconds(assignment.rejected_at),
        Deadline=seconds(assignment.deadline),
        Answer=assignment.answer,
        RequesterFeedback=assignment.feedback or None,
    )


def bonus_shape(bonus: BonusPayment) -> dict:
    return members_of(
        WorkerId=bonus.worker.public_id,
        BonusAmount=dollars(bonus.cents),
        AssignmentId=bonus.assignment.public_id,
        Reason=bonus.reason,
        GrantTime=seconds(bonus.granted_at),
    )


def qualification_type_shape(kind: QualificationType) -> dict:
    return members_of(
        QualificationTypeId=kind.public_id,
        CreationTime=seconds(kind.created_at),
        Name=kind.name,
        Description=kind.description,
        Keywords=kind.keywords,
        QualificationTypeStatus="Active" if kind.is_active else "Inactive",
        Test=kind.test or None,
        TestDurationInSeconds=kind.test_seconds,
        AnswerKey=kind.answer_key or None,
        RetryDelayInSeconds=kind.retry_seconds,
        IsRequestable=kind.is_active and kind.requester_id is not None,
        AutoGranted=kind.auto_granted,
        AutoGrantedValue=kind.auto_granted_value,
    )


def qualification_shape(qualification: Qualification) -> dict:
    return members_of(
        QualificationTypeId=qualification.qualification_type.public_id,
        WorkerId=qualification.worker.public_id,
        GrantTime=seconds(qualification.granted_at),
        IntegerValue=qualification.value,
        Status="Revoked" if qualification.revoked_at else "Granted",
    )


def qualification_request_shape(request: QualificationRequest) -> dict:
    return members_of(
        QualificationRequestId=request.public_id,
        QualificationTypeId=request.qualification_type.public_id,
        WorkerId=request.worker.public_id,
        Test=request.qualification_type.test or None,
        Answer=request.answer or None,
        SubmitTime=seconds(request.submitted_at),
    )


def block_shape(block: WorkerBlock) -> dict:
    return {"WorkerId": block.worker.public_id, "Reason": block.reason}


def members_of(**members: object) -> dict:
    return {name: value for name, value in members.items() if value is not None}


def seconds(time: datetime | None) -> int | None:
    return None if time is None else int(time.timestamp())
