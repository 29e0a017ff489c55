"""Defences before anything reads a request, and those of keys, files and limits, beside S1 to S24."""

from tests.security.removal import Defence

HOSTS, TEXTS = "tests/annotation_site/test_hosts.py", "tests/annotation_site/test_unreadable_text.py"
KEYS, PACE, BUCKETS = (
    "tests/workforce/test_changed_keys.py",
    "tests/api/test_pace.py",
    "tests/data_import/test_bucket_list.py",
)
SECRETS, PRIVACY = "tests/access/test_secret_output.py", "tests/launcher/test_privacy.py"

OF_REQUESTS = (
    Defence(
        "H1 other hosts are refused",
        "access/requests/middleware.py",
        "        if origin is None:\n            return _other_host()\n",
        "        origin = origin or settings.STAFF_ORIGIN\n",
        (f"{HOSTS}::test_every_other_host_is_refused_at_every_address_but_the_health_checks",),
    ),
    Defence(
        "H1 a host has a port",
        "access/origins/reads.py",
        '    return host, int(match["port"] or DEFAULT_PORTS[scheme])\n',
        "    return host, DEFAULT_PORTS[scheme]\n",
        (f"{HOSTS}::test_every_other_host_is_refused_at_every_address_but_the_health_checks",),
    ),
    Defence(
        "H2 addresses, headers and cookies are read first",
        "access/requests/middleware.py",
        "        if not _has_readable_address(request):\n",
        "        if not request:\n",
        (f"{TEXTS}::test_every_address_refuses_what_no_text_contains",),
    ),
    Defence(
        "H2 forms and JSON are read first",
        "access/requests/middleware.py",
        " and not _has_readable_body(request):\n",
        " and not request:\n",
        (f"{TEXTS}::test_each_of_these_characters_is_refused",),
    ),
    Defence(
        "H2 a cookie in quotes is read as it is meant",
        "access/requests/middleware.py",
        "all(is_line(value) for value in request.COOKIES.values())",
        "True",
        (f"{TEXTS}::test_every_address_refuses_what_no_text_contains",),
    ),
    Defence(
        "H2 words of commands are read first",
        "annotation_site/management/command_line.py",
        "            if not is_text(word):\n",
        "            if not word:\n",
        (f"{TEXTS}::test_no_command_takes_it_as_an_argument",),
    ),
    Defence(
        "K1 a page is read under the key it was made with",
        "workforce/pages.py",
        "        lease.hit, lease.page_key = hit, page_key\n",
        "        lease.hit = hit\n",
        (f"{KEYS}::test_a_page_from_before_loads_its_pictures_and_its_answer_counts_as_it_was_meant",),
    ),
    Defence(
        "K1 receipts of earlier keys are receipts",
        "workforce/frame/receipts.py",
        "    receipts = [receipt_of(assignment, answer, key) for key in page_keys()]\n",
        "    receipts = [receipt_of(assignment, answer)]\n",
        (f"{KEYS}::test_an_answer_in_a_frame_is_proven_across_the_change",),
    ),
    Defence(
        "K2 secrets stay out of logs",
        "access/secret_output/actions.py",
        "        return not os.isatty(stream.fileno())\n",
        "        return False\n",
        (f"{SECRETS}::test_a_log_does_not",),
    ),
    Defence(
        "K3 what was left open is closed",
        "launcher/privacy.py",
        "    close_contents(state)\n    if user",
        "    if user",
        (f"{PRIVACY}::test_a_folder_that_was_left_open_is_closed_with_all_that_is_in_it",),
    ),
    Defence(
        "L1 a network of REST has a limit",
        "api/views.py",
        "        check_network(request)\n",
        "",
        (f"{PACE}::test_a_network_has_a_limit_whatever_its_keys_and_wrong_ones_are_not_looked_up_beyond_it",),
    ),
    Defence(
        "L1 a key of REST has a limit",
        "api/views.py",
        "            check_key(request.auth.pk)\n",
        "            pass\n",
        (f"{PACE}::test_a_key_has_a_limit_wherever_it_is_used_from",),
    ),
    Defence(
        "L2 pages import from listed buckets",
        "data_import/buckets/reads.py",
        "if any(scope[: len(folders)] == folders for folders in allowed):",
        "if scope:",
        (f"{BUCKETS}::test_nothing_else_is",),
    ),
)
