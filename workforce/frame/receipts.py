"""Receipts of answers: a signature of this site for one lease, assignment, worker and answer."""

import hashlib
import json
from typing import Any

from django.utils.crypto import constant_time_compare, salted_hmac

from workforce.frame.answer_copy import RECEIPT, AnswerCopy, encode
from workforce.models import Assignment, Lease
from workforce.reads import image_handle

RECEIPT_SALT = "workforce.receipt"


def receipt_of(assignment: Assignment, answer: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(answer, sort_keys=True).encode()).hexdigest()
    # A list, so that different IDs never produce the same text.
    text = json.dumps([assignment.lease.public_id, assignment.external_id, assignment.worker_id, digest])
    return salted_hmac(RECEIPT_SALT, text, algorithm="sha256").hexdigest()


def is_receipt_of(assignment: Assignment, answer: dict[str, Any], claimed: str) -> bool:
    return constant_time_compare(receipt_of(assignment, answer), claimed)


def copy_of(lease: Lease, answer: dict[str, Any]) -> AnswerCopy:
    """Return a stored answer in the values of its page: handles of images, or class indexes."""
    values = [image_handle(lease, value) if isinstance(value, str) else str(value) for value in answer["selected"]]
    main = answer.get("main")
    return AnswerCopy(lease.public_id, tuple(values), "" if main is None else str(main))


def fields_to_hand_over(assignment: Assignment, answer: dict[str, Any]) -> dict[str, str]:
    """Return the fields that the frame sends to the marketplace for an answer under an assignment."""
    copy = encode(copy_of(assignment.lease, answer))
    return {"assignmentId": assignment.external_id, RECEIPT: receipt_of(assignment, answer)} | copy
