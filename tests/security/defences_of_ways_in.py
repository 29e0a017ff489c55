"""Defences of the ways in: links, hosts, characters, accounts, keys and files of the host."""

from tests.security.removal import Defence

WAYS = "tests/security/test_ways_in.py::"

OF_WAYS_IN = (
    Defence(
        "S11 a network leases no more than its cap",
        "workforce/links/reads.py",
        "    if n_open >= visit.most_open:\n        raise NetworkFull(str(FULL))\n",
        "",
        (f"{WAYS}test_invented_ids_of_one_network_lease_no_more_than_its_cap_and_others_have_work",),
    ),
    Defence(
        "S11 starts on a link are counted",
        "workforce/views.py",
        "    check_pace_of_starts(request, batch)\n",
        "",
        (f"{WAYS}test_the_starts_of_one_network_are_counted_and_refused_beyond_the_pace",),
    ),
    Defence(
        "S11 the first lease is short",
        "workforce/links/reads.py",
        "    return min(batch.settings.lease_seconds, max(settings.FIRST_LEASE_SECONDS, 120 * (minutes or 0)))\n",
        "    return batch.settings.lease_seconds\n",
        (f"{WAYS}test_the_first_lease_of_an_id_is_short_and_later_ones_are_not",),
    ),
    Defence(
        "S11 the header of an unknown proxy is ignored",
        "access/networks/reads.py",
        "        return bool(settings.BEHIND_TLS_PROXY)\n",
        "        return True\n",
        ("tests/workforce/test_limits.py::test_behind_a_proxy_the_address_is_the_one_that_the_proxy_names",),
    ),
    Defence(
        "S1 signed links are checked",
        "workforce/links/reads.py",
        '        _signer().unsign(f"{_signed_text(batch, participant)}:{signature}")\n',
        "        assert signature is not None\n",
        (f"{WAYS}test_who_knows_an_id_cannot_answer_for_it_where_links_are_signed",),
    ),
    Defence(
        "S1 a list of ids is checked",
        "workforce/links/reads.py",
        "    return ListedID.objects.filter(batch=batch, digest=listed_digest(batch, participant)).exists()\n",
        "    return True\n",
        (f"{WAYS}test_who_is_not_on_the_list_is_refused_where_there_is_one",),
    ),
    Defence(
        "S1 nobody is no worker",
        "workforce/recruitment_links.py",
        "    if is_nobody(value):\n",
        "    if not value:\n",
        (f"{WAYS}test_an_id_that_is_nobody_is_refused",),
    ),
    Defence(
        "S24 a link's GET takes no lease",
        "workforce/views.py",
        '        if request.method == "POST":\n            return _begin(request, batch, participant)\n',
        "        if request.method:\n            return _begin(request, batch, participant)\n",
        (
            "tests/annotation_site/test_matrix_of_workers.py"
            "::test_everybody_meets_what_the_matrix_says_and_no_get_changes_anything",
        ),
    ),
    Defence(
        "C1 a forged Start in a frame answers for nobody else",
        "workforce/consents/reads.py",
        "            OR consent.id = %(consent)s::bigint AND consent.assignment_id = %(assignment)s::bigint\n",
        "            OR consent.agreed\n",
        ("tests/workforce/test_consents.py::test_a_forged_start_does_not_answer_for_the_worker",),
    ),
    Defence(
        "C1 nobody agrees to a text that their page did not show",
        "workforce/consents/actions.py",
        '    if agreement.version != ("" if standing.version is None else str(standing.version)):\n',
        "    if standing.asks_trace is None:\n",
        ("tests/workforce/test_consents.py::test_a_start_under_another_version_stores_nothing_and_shows_the_text",),
    ),
    Defence(
        "C1 a trace needs the study and the person",
        "workforce/facts/reads.py",
        "    if consent.trace:\n",
        "    if consent:\n",
        ("tests/workforce/test_consents.py::test_a_trace_is_stored_only_if_both_agreed",),
    ),
    Defence(
        "S12 an invitation works once",
        "access/memberships/reads.py",
        "Invitation.objects.filter(used_at=None, revoked_at=None, expires_at__gt=now())",
        "Invitation.objects.all()",
        (
            "tests/access/test_memberships.py::test_an_invitation_works_once",
            "tests/access/test_memberships.py::test_an_invitation_ends_by_time_by_revocation_and_with_its_authors_role",
        ),
    ),
    Defence(
        "S13 passwords are counted before they are hashed",
        "accounts/attempts/actions.py",
        "            raise TooManyAttempts(seconds)\n",
        "            assert seconds\n",
        (
            f"{WAYS}test_guesses_from_one_network_are_refused_before_a_password_is_hashed_and_the_owner_gets_in_elsewhere",
        ),
    ),
    Defence(
        "S13 a fresh proof before money and people's ids",
        "accounts/pages.py",
        "            if is_free or is_fresh(request):\n",
        "            if is_free or request.user.is_authenticated:\n",
        (f"{WAYS}test_money_and_exports_of_people_need_a_fresh_password",),
    ),
    Defence(
        "S13 a session ends after hours without use",
        "accounts/sessions.py",
        "        request.session.flush()\n",
        "        pass\n",
        ("tests/accounts/test_sessions.py::test_twelve_hours_without_use_end_a_session",),
    ),
    Defence(
        "S13 a code opens once",
        "accounts/credentials.py",
        "    if not spend_code(user=user, code=normalize_user_code(code)):\n",
        "    if not code:\n",
        ("tests/accounts/test_attempts.py::test_a_code_is_accepted_once_in_all_processes",),
    ),
    Defence(
        "S23 other hosts are refused",
        "access/requests/middleware.py",
        "        if origin is None:\n            return _other_host()\n",
        "        origin = origin or settings.STAFF_ORIGIN\n",
        (f"{WAYS}test_another_host_reaches_no_side_but_health_checks",),
    ),
    Defence(
        "S23 unreadable addresses are refused",
        "access/requests/middleware.py",
        "        if not _has_readable_address(request):\n",
        "        if not request:\n",
        (f"{WAYS}test_control_characters_and_lone_surrogates_are_a_400_on_both_sides",),
    ),
    Defence(
        "S16 no page may use a device",
        "annotation_site/middleware.py",
        '        response.headers.setdefault("Permissions-Policy", PERMISSIONS)\n',
        "",
        (f"{WAYS}test_every_page_refuses_devices_and_search_engines",),
    ),
    Defence(
        "S15 the state folder is private",
        "launcher/privacy.py",
        "    close_contents(state)\n    if user",
        "    if user",
        (f"{WAYS}test_the_state_folder_is_its_owners_alone",),
    ),
)
