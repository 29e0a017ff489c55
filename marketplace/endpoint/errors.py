"""Errors of the protocol, as the AWS front gives them before a service sees the request."""


class ProtocolError(Exception):
    """`kind` is the `__type` on the wire."""

    def __init__(self, kind: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.kind, self.message, self.status = kind, message, status
