"""Defences of the marketplace's pages and API."""

from tests.security.removal import Defence

OF_MARKETPLACE = (
    Defence(
        "S1 an assignment is its worker's alone",
        "marketplace/work/reads.py",
        "    assignments = worker.assignments.exclude(status=Assignment.Status.PENDING, deadline__lte=moment)\n",
        "    assignments = Assignment.objects.exclude(status=Assignment.Status.PENDING, deadline__lte=moment)\n",
        ("tests/marketplace/test_pages.py::test_nobody_sees_or_returns_what_somebody_else_has",),
    ),
    Defence(
        "S1 pages of workers are for those who signed in",
        "marketplace/pages.py",
        "        if worker is None:\n            return to_sign_in(request)\n",
        "        worker = worker or Worker.objects.first()\n",
        ("tests/marketplace/test_pages.py::test_no_page_but_the_sign_in_is_for_strangers",),
    ),
    Defence(
        "S4 a frame is never closed by its address",
        "marketplace/headers.py",
        'return origin if PLAIN_ORIGIN.fullmatch(origin) else ""',
        "return origin",
        ("tests/marketplace/test_pages.py::test_the_frame_may_show_the_origin_of_the_hit_alone",),
    ),
    Defence(
        "S11 an address is one network however it is written",
        "marketplace/networks.py",
        "    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address\n",
        "    return address\n",
        ("tests/marketplace/test_sign_in.py::test_an_address_counts_as_one_however_it_is_written",),
    ),
    Defence(
        "S11 sign-ins of workers are counted by name and address",
        "marketplace/sign_in/actions.py",
        "            raise TooManyAttempts(max(1, int((blocking_time + WITHIN - moment).total_seconds())))\n",
        "            break\n",
        (
            "tests/marketplace/test_sign_in.py::test_after_five_wrong_passwords_the_right_one_waits_too",
            "tests/marketplace/test_sign_in.py::test_one_address_cannot_try_many_names",
        ),
    ),
    Defence(
        "S13 a new password ends the sessions of the old one",
        "marketplace/sessions.py",
        '    return worker if worker and is_mark_of(worker, request.session.get(PASSWORD, "")) else None\n',
        "    return worker\n",
        ("tests/marketplace/test_sign_in.py::test_a_new_password_ends_the_sessions_of_the_old_one",),
    ),
    Defence(
        "S14 requests to the API are signed",
        "marketplace/endpoint/signatures.py",
        "    if not any(hmac.compare_digest(text.encode(), signature.encode()) for text in expected):\n",
        "    if not expected:\n",
        (
            "tests/marketplace/test_signatures.py::test_a_wrong_secret_is_refused",
            "tests/marketplace/test_signatures.py::test_another_body_is_refused",
        ),
    ),
    Defence(
        "S14 a signature is good for minutes",
        "marketplace/endpoint/signatures.py",
        "SKEW = timedelta(minutes=5)",
        "SKEW = timedelta(days=5)",
        ("tests/marketplace/test_signatures.py::test_a_signature_is_good_for_five_minutes",),
    ),
    Defence(
        "S19 the ledger of the marketplace is append-only",
        "marketplace/migrations/0002_ledger_guards.py",
        "    RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'check_violation', "
        "CONSTRAINT = 'ledger_is_append_only';\n",
        "    RETURN COALESCE(NEW, OLD);\n",
        ("tests/marketplace/test_money.py::test_the_ledger_refuses_to_be_changed",),
    ),
    Defence(
        "S24 a HIT is accepted by POST alone",
        "marketplace/work/views.py",
        "@require_POST\n@for_workers\ndef accept(",
        "@for_workers\ndef accept(",
        ("tests/marketplace/test_pages.py::test_looking_changes_nothing",),
    ),
)
