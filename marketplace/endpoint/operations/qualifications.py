"""Operations on qualification types, grants and requests."""

from django.db.models import Q

from marketplace.endpoint.calls import Call
from marketplace.endpoint.paging import page
from marketplace.endpoint.shapes import qualification_request_shape, qualification_shape, qualification_type_shape
from marketplace.errors import WrongStatus
from marketplace.models import Qualification, QualificationRequest, QualificationType
from marketplace.qualifications import actions
from marketplace.qualifications.reads import qualification_of, request_of
from marketplace.reads import qualification_type_of, worker_by_id

FIELDS = {
    "Keywords": "keywords",
    "Description": "description",
    "RetryDelayInSeconds": "retry_seconds",
    "Test": "test",
    "AnswerKey": "answer_key",
    "TestDurationInSeconds": "test_seconds",
    "AutoGranted": "auto_granted",
    "AutoGrantedValue": "auto_granted_value",
}


def create_qualification_type(call: Call) -> dict:
    created = actions.create_qualification_type(
        requester=call.requester, name=call.parameters["Name"], **values_of(call)
    )
    return {"QualificationType": qualification_type_shape(created)}


def update_qualification_type(call: Call) -> dict:
    changed = actions.change_qualification_type(qualification_type=type_of(call), **values_of(call))
    return {"QualificationType": qualification_type_shape(changed)}


def get_qualification_type(call: Call) -> dict:
    qualification_type = qualification_type_of(call.parameters["QualificationTypeId"])
    return {"QualificationType": qualification_type_shape(qualification_type)}


def delete_qualification_type(call: Call) -> dict:
    actions.delete_qualification_type(qualification_type=type_of(call))
    return {}


def list_qualification_types(call: Call) -> dict:
    parameters = call.parameters
    types = QualificationType.objects.filter(deleted_at=None)
    if parameters.get("MustBeOwnedByCaller"):
        types = types.filter(requester=call.requester)
    if parameters["MustBeRequestable"]:
        types = types.filter(is_active=True, requester__isnull=False)
    if query := parameters.get("Query"):
        types = types.filter(Q(name__icontains=query) | Q(description__icontains=query) | Q(keywords__icontains=query))
    return page(call, "QualificationTypes", types, qualification_type_shape)


def associate_qualification(call: Call) -> dict:
    actions.grant_qualification(
        qualification_type=type_of(call),
        worker=worker_by_id(call.parameters["WorkerId"]),
        value=call.parameters.get("IntegerValue", 1),
        notify=call.parameters.get("SendNotification", True),
    )
    return {}


def disassociate_qualification(call: Call) -> dict:
    qualification = qualification_of(type_of(call), worker_by_id(call.parameters["WorkerId"]))
    actions.revoke_qualification(qualification=qualification, reason=call.parameters.get("Reason", ""))
    return {}


def get_qualification_score(call: Call) -> dict:
    qualification = qualification_of(type_of(call), worker_by_id(call.parameters["WorkerId"]))
    if qualification.revoked_at:
        raise WrongStatus("Qualification", "Granted")
    return {"Qualification": qualification_shape(qualification)}


def list_workers_with_qualification_type(call: Call) -> dict:
    revoked = call.parameters.get("Status") == "Revoked"
    qualifications = Qualification.objects.filter(qualification_type=type_of(call), revoked_at__isnull=not revoked)
    return page(
        call, "Qualifications", qualifications.select_related("worker", "qualification_type"), qualification_shape
    )


def list_qualification_requests(call: Call) -> dict:
    requests = QualificationRequest.objects.filter(
        qualification_type__requester=call.requester, granted_at=None, rejected_at=None
    )
    if "QualificationTypeId" in call.parameters:
        requests = requests.filter(qualification_type=type_of(call))
    requests = requests.select_related("worker", "qualification_type")
    return page(call, "QualificationRequests", requests, qualification_request_shape)


def accept_qualification_request(call: Call) -> dict:
    request = request_of(call.requester, call.parameters["QualificationRequestId"])
    actions.accept_request(request=request, value=call.parameters.get("IntegerValue", 1))
    return {}


def reject_qualification_request(call: Call) -> dict:
    request = request_of(call.requester, call.parameters["QualificationRequestId"])
    actions.reject_request(request=request, reason=call.parameters.get("Reason", ""))
    return {}


def type_of(call: Call) -> QualificationType:
    return qualification_type_of(call.parameters["QualificationTypeId"], call.requester)


def values_of(call: Call) -> dict:
    values = {field: call.parameters[name] for name, field in FIELDS.items() if name in call.parameters}
    if "QualificationTypeStatus" in call.parameters:
        values["is_active"] = call.parameters["QualificationTypeStatus"] == "Active"
    return values
