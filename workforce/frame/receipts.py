"""Receipts of answers: a signature of this site for one lease, assignment, worker and answer."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from django.utils.crypto import constant_time_compare, salted_hmac

from workforce.frame.answer_copy import RECEIPT, AnswerCopy, encode
from workforce.models import Assignment, Lease
from workforce.reads import image_handle, made_under, page_keys

RECEIPT_SALT = "workforce.receipt"


def receipt_of(assignment: Assignment, answer: dict[str, Any], key: str = "") -> str:
    """Return the receipt under a key, or under the newest one."""
    digest = hashlib.sha256(json.dumps(answer, sort_keys=True).encode()).hexdigest()
    # A list, so that different IDs never produce the same text.
    text = json.dumps([assignment.lease.public_id, assignment.external_id, assignment.worker_id, digest])
    return salted_hmac(RECEIPT_SALT, text, secret=key or page_keys()[0], algorithm="sha256").hexdigest()


def is_receipt_of(assignment: Assignment, answer: dict[str, Any], claimed: str) -> bool:
    """Return whether this is the receipt of an answer, under whatever key it was given."""
    receipts = [receipt_of(assignment, answer, key) for key in page_keys()]
    return any(constant_time_compare(claimed, receipt) for receipt in receipts)


def copy_of(lease: Lease, answer: dict[str, Any]) -> AnswerCopy:
    """Return a stored answer in the values of its page: handles of images, or class indexes."""
    selected, maybe, unseen = (
        tuple(image_handle(lease, value) if isinstance(value, str) else str(value) for value in answer.get(name, ()))
        for name in ("selected", "maybe", "unseen")
    )
    main = answer.get("main")
    return AnswerCopy(lease.public_id, selected, "" if main is None else str(main), maybe, unseen)


def values_on_page(lease: Lease, answer: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a lease's page that a stored answer selects, by the names of its fields."""
    copy = asdict(copy_of(lease, answer))
    return {name: copy[name] for name in ("selected", "maybe", "main") if copy.get(name)}


def is_copy_of(copy: AnswerCopy, lease: Lease, answer: dict[str, Any]) -> bool:
    """Return whether a copy says the same as a stored answer, under whatever key its page was made."""
    return any(copy.says_the_same_as(copy_of(made_under(lease, key), answer)) for key in page_keys())


def fields_to_hand_over(assignment: Assignment, answer: dict[str, Any]) -> dict[str, str]:
    """Return the fields that the frame sends to the marketplace for an answer under an assignment."""
    copy = encode(copy_of(assignment.lease, answer))
    return {"assignmentId": assignment.external_id, RECEIPT: receipt_of(assignment, answer)} | copy
