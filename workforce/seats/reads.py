"""Names of seats."""

# Under it, an account is the identity of a worker.
ACCOUNT = "account"
