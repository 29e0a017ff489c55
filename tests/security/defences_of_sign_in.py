"""Defences of the sign-in: attempts, second factors, confirmations, sessions, and single sign-on."""

from tests.security.removal import Defence

OF_SIGN_IN = (
    Defence(
        "S13 attempts at once wait for each other",
        "accounts/attempts/actions.py",
        "        lock(subject)\n",
        "",
        ("tests/accounts/test_attempts.py::test_many_guesses_at_once_are_not_more_than_one_after_the_other",),
    ),
    Defence(
        "S13 guesses from everywhere lock no owner out at home",
        "accounts/attempts/actions.py",
        "        if not self.is_at_home:\n            yield OF_ACCOUNT[self.proof]\n",
        "        yield OF_ACCOUNT[self.proof]\n",
        (
            "tests/accounts/test_attempts.py::test_guesses_from_everywhere_lock_neither_the_owners_networks_nor_the_account_for_long",
        ),
    ),
    Defence(
        "S13 attempts count by the account",
        "accounts/attempts/actions.py",
        '    account = key_of(user) if user else digest("name", User.normalize_username(name))\n',
        '    account = digest("name", name)\n',
        (
            "tests/accounts/test_attempts.py::test_guesses_from_everywhere_lock_neither_the_owners_networks_nor_the_account_for_long",
        ),
    ),
    Defence(
        "S13 one password is hashed at a time",
        "accounts/hashing.py",
        '                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [HASHING_LOCK])\n',
        "",
        ("tests/accounts/test_attempts.py::test_hashes_occupy_few_threads_and_one_processor",),
    ),
    Defence(
        "S13 a new account's password is hashed in its turn",
        "accounts/hashing.py",
        "    with a_place(is_at_home), one_at_a_time():\n        return make_password(password)\n",
        "    return make_password(password)\n",
        (
            "tests/dashboard/members/test_people_page.py::test_a_new_account_waits_for_other_hashes_and_the_members_do_not_wait_for_it",
        ),
    ),
    Defence(
        "S13 names of new accounts differ by more than case",
        "access/memberships/actions.py",
        "    wait_for_lock(LockName.ACCOUNTS)\n",
        "",
        (
            "tests/access/test_memberships.py::test_two_invitations_used_with_the_same_new_name_at_the_same_time_make_one_account",
        ),
    ),
    Defence(
        "S13 nobody becomes administrator by a new password",
        "accounts/actions.py",
        "    if user.pk and not promotes:\n        _refuse_to_promote(user)\n",
        "",
        (
            "tests/studies/test_study_commands.py::test_create_staff_makes_no_administrator_of_an_account_unless_told_so",
        ),
    ),
    Defence(
        "S13 few threads wait for a hash",
        "accounts/hashing.py",
        "        raise TooBusy\n    try:\n        yield\n",
        "        pass\n    try:\n        yield\n",
        (
            "tests/accounts/test_attempts.py::test_an_attempt_put_off_is_not_counted_and_owners_have_places_of_their_own",
        ),
    ),
    Defence(
        "S13 a closed account ends between the two steps",
        "accounts/views.py",
        " or not _is_still_valid(stage.login):\n",
        ":\n",
        (
            "tests/accounts/test_second_factor.py::test_between_the_two_steps_a_closed_account_or_a_changed_password_ends_the_sign_in",
        ),
    ),
    Defence(
        "S13 secrets of second factors are encrypted",
        "accounts/adapters.py",
        "        return ciphers().encrypt(text.encode()).decode()\n",
        "        return text\n",
        ("tests/accounts/test_second_factor.py::test_secrets_are_stored_encrypted_and_outlive_a_new_key_of_the_site",),
    ),
    Defence(
        "S13 a site may require a second factor",
        "dashboard/pages.py",
        "        if user.is_authenticated and must_set_up_second_factor(user):\n",
        "        if not user:\n",
        (
            "tests/accounts/test_second_factor.py::test_where_the_site_requires_one_an_account_without_it_is_led_to_set_it_up",
        ),
    ),
    Defence(
        "S13 allauth meets no worker",
        "annotation_site/middleware.py",
        "        return get_response(request) if for_workers(request) else for_staff(request)\n",
        "        return for_staff(request)\n",
        ("tests/accounts/test_second_factor.py::test_allauth_meets_requests_of_researchers_and_none_of_workers",),
    ),
    Defence(
        "S13 an approval asks for a proof",
        "dashboard/payments/approvals.py",
        '@confirmed("POST")\ndef approve(',
        "def approve(",
        (
            "tests/accounts/test_confirmation.py::test_without_a_fresh_proof_no_address_sends_money_or_rejects_or_shows_ids",
        ),
    ),
    Defence(
        "S13 files with people ask for a proof",
        "dashboard/files/views.py",
        '@confirmed("GET", only=lambda request, name, kind, format: names_people(kind))\n',
        "",
        ("tests/accounts/test_confirmation.py::test_files_with_ids_of_people_need_one_and_others_do_not",),
    ),
    Defence(
        "S13 an interrupted form is kept",
        "accounts/pages.py",
        "if name not in CONFIRMING",
        "if name in CONFIRMING",
        ("tests/accounts/test_confirmation.py::test_a_form_that_is_interrupted_loses_nothing",),
    ),
    Defence(
        "S13 a proof is of its account",
        "accounts/reads.py",
        "    records = get_authentication_records(request, request.user)\n",
        '    records = request.session.get("account_authentication_methods", [])\n',
        (
            "tests/accounts/test_confirmation.py::test_a_proof_of_another_account_in_the_same_browser_counts_for_nobody_else",
        ),
    ),
    Defence(
        "S13 a page that updates itself is no use of a session",
        "accounts/sessions.py",
        '    return request.headers.get("Sec-Fetch-Dest", "document") == "document"\n',
        "    return True\n",
        ("tests/accounts/test_sessions.py::test_use_is_noted_now_and_then_and_not_by_pages_that_update_themselves",),
    ),
    Defence(
        "S13 the sessions of a removed account stay dead",
        "accounts/actions.py",
        "    user.set_unusable_password()\n",
        "",
        (
            "tests/accounts/test_sessions.py::test_a_removed_account_is_out_with_its_next_request_and_its_old_sessions_stay_dead",
        ),
    ),
    Defence(
        "S13 an ID token answers this request",
        "accounts/adapters.py",
        '        if not nonce or not constant_time_compare(nonce, str(account.extra_data.get("nonce"))):\n',
        "        if nonce is None:\n",
        (
            "tests/accounts/test_single_sign_on.py::test_a_token_that_is_not_the_providers_for_us_and_for_this_request_is_refused",
        ),
    ),
    Defence(
        "S13 an ID token is the issuer's",
        "accounts/single_sign_on/provider.py",
        "                issuer=self.issuer,\n",
        "",
        (
            "tests/accounts/test_single_sign_on.py::test_a_token_that_is_not_the_providers_for_us_and_for_this_request_is_refused",
        ),
    ),
    Defence(
        "S13 an ID token is for this site",
        "accounts/single_sign_on/provider.py",
        '                options={"require": REQUIRED},\n',
        '                options={"require": REQUIRED, "verify_aud": False},\n',
        (
            "tests/accounts/test_single_sign_on.py::test_a_token_that_is_not_the_providers_for_us_and_for_this_request_is_refused",
        ),
    ),
    Defence(
        "S13 an ID token ends",
        "accounts/single_sign_on/provider.py",
        "                leeway=CLOCKS_DIFFER_SECONDS,\n",
        "                leeway=86_400,\n",
        (
            "tests/accounts/test_single_sign_on.py::test_a_token_that_is_not_the_providers_for_us_and_for_this_request_is_refused",
        ),
    ),
    Defence(
        "S13 an ID token is signed",
        "accounts/single_sign_on/provider.py",
        '                options={"require": REQUIRED},\n',
        '                options={"verify_signature": False},\n',
        ("tests/accounts/test_single_sign_on.py::test_a_token_without_the_providers_signature_is_refused",),
    ),
    Defence(
        "S13 the provider is the one of the settings",
        "accounts/single_sign_on/provider.py",
        '            if description.get("issuer") != issuer:\n',
        "            if not issuer:\n",
        ("tests/accounts/test_single_sign_on.py::test_a_provider_that_calls_itself_something_else_is_refused",),
    ),
    Defence(
        "S13 only a verified address opens an account",
        "accounts/adapters.py",
        " if address.verified]\n",
        "]\n",
        ("tests/accounts/test_single_sign_on.py::test_an_address_that_is_not_verified_or_not_the_same_opens_nothing",),
    ),
    Defence(
        "S13 an account is bound to one person",
        "accounts/single_sign_on/actions.py",
        "    if SocialAccount.objects.filter(user=user, provider=provider).exists():\n",
        "    if not emails:\n",
        ("tests/accounts/test_single_sign_on.py::test_an_address_handed_on_to_another_person_opens_nothing",),
    ),
    Defence(
        "S13 a subject is of its issuer",
        "accounts/single_sign_on/provider.py",
        "{self.app.settings['issuer']}\\n",
        "",
        ("tests/accounts/test_single_sign_on.py::test_the_same_subject_of_another_issuer_is_another_person",),
    ),
    Defence(
        "S13 the code flow has a challenge",
        "annotation_site/staff_sign_in.py",
        '"oauth_pkce_enabled": True',
        '"oauth_pkce_enabled": False',
        ("tests/accounts/test_single_sign_on.py::test_an_account_with_the_verified_address_is_bound_and_opened",),
    ),
    Defence(
        "S13 the provider describes the same person",
        "accounts/single_sign_on/provider.py",
        '        if person.get("sub") != claims["sub"]:\n',
        "        if not person:\n",
        ("tests/accounts/test_single_sign_on.py::test_the_address_may_come_from_the_person_instead_of_the_token",),
    ),
)
