"""Errors of the API and of worker pages, in MTurk's words and codes if they are documented."""


class Refusal(Exception):
    """An error of the API: `kind` is its type on the wire, `code` its TurkErrorCode without the prefix."""

    kind = "RequestError"
    prefix = "AWS.MechanicalTurk."

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = self.prefix + code, message


class BadParameter(Refusal):
    """A value that the service's model allows but its documentation does not."""

    kind = "ParameterValidationError"

    def __init__(self, message: str, code: str = "InvalidParameterValue") -> None:
        super().__init__(code, message)


class NotOffered(Refusal):
    """A part of the API that this marketplace does not offer."""

    def __init__(self, feature: str) -> None:
        super().__init__("PermissionDeniedException", f"{feature} This marketplace does not offer it.")


class NotLinked(Refusal):
    prefix = ""

    def __init__(self) -> None:
        super().__init__(
            "AWS.NotAuthorized",
            "Your AWS account must be linked to your Amazon Mechanical Turk Account before it may use the API.",
        )


class InsufficientFunds(Refusal):
    def __init__(self) -> None:
        super().__init__(
            "InsufficientFunds", "This Requester has insufficient funds in their account to complete this transaction."
        )


class DoesNotExist(Refusal):
    """An id without a row; `kind_of` is the noun of the code: HIT, Assignment, QualificationType, ..."""

    def __init__(self, kind_of: str, public_id: str) -> None:
        noun = "Hit" if kind_of == "HIT" else kind_of
        super().__init__(f"{kind_of}DoesNotExist", f"{noun} {public_id} does not exist.")


class WrongStatus(Refusal):
    def __init__(self, kind_of: str, expected: str, status: str = "") -> None:
        state = f". It is currently in the state '{status}'." if status else ""
        super().__init__(f"Invalid{kind_of}State", f"This operation can be called with a status of: {expected}{state}")


class WorkRefused(Exception):
    """An action that this worker cannot take; the message says why and how to go on."""


class ProtocolError(Exception):
    """An error of the protocol; `kind` is the `__type` on the wire."""

    def __init__(self, kind: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.kind, self.message, self.status = kind, message, status
