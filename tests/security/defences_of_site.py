"""Defences of the site: S1 to S24 of docs/security.md."""

from tests.security.removal import Defence

SOURCE_RULE = "tests/security/test_requirements.py::test_the_source_keeps_the_rule"

OF_SITE = (
    Defence(
        "S1 a role is asked for at every address of a study",
        "dashboard/pages.py",
        "        if needed not in permissions:\n            raise Lacking(dataset, needed)\n",
        "",
        (
            "tests/annotation_site/test_staff_addresses.py"
            "::test_an_address_shows_and_does_nothing_for_people_without_its_permission",
        ),
    ),
    Defence(
        "S1 a foreign study does not exist",
        "dashboard/pages.py",
        "        if not permissions:\n",
        "        if permissions is None:\n",
        (
            "tests/annotation_site/test_staff_addresses.py"
            "::test_a_foreign_study_is_answered_as_a_study_that_does_not_exist",
        ),
    ),
    Defence(
        "S1 a role holds in its study alone",
        "access/permissions/reads.py",
        "    membership = _memberships_of(user).filter(dataset=dataset).first()\n",
        "    membership = _memberships_of(user).first()\n",
        ("tests/access/test_memberships.py::test_a_role_holds_in_its_study_alone_and_its_end_too",),
    ),
    Defence(
        "S1 nobody gives a role above the own",
        "access/permissions/reads.py",
        "    return May.MANAGE_MEMBERS in permissions and PERMISSIONS[role] <= permissions\n",
        "    return bool(permissions)\n",
        ("tests/access/test_memberships.py::test_only_owners_give_and_take_roles",),
    ),
    Defence(
        "S1 a token reads its scopes",
        "api/views.py",
        "    if permission_to_read(table) not in token.powers:\n",
        "    if not token.powers:\n",
        (
            "tests/dashboard/tokens/test_tokens_pages.py::test_a_token_reads_its_scopes_alone",
            "tests/api/test_matrix_of_tokens.py::test_a_token_reads_what_its_scope_and_its_study_allow_and_nothing_else",
        ),
    ),
    Defence(
        "S1 a token is worth what its author may",
        "api/reads.py",
        "    return scopes & permissions_in(author, token.dataset)\n",
        "    return scopes\n",
        ("tests/dashboard/tokens/test_tokens_pages.py::test_a_token_is_worth_what_its_author_may_read_now",),
    ),
    Defence(
        "S1 a token of one dataset reads no other",
        "api/views.py",
        "    if name in (None, token.dataset.name):\n        return token.dataset\n",
        "    return dataset_named(name) if name else token.dataset\n",
        ("tests/api/test_tokens.py::test_a_bound_token_cannot_tell_another_dataset_from_none",),
    ),
    Defence(
        "S1 a grid is its worker's alone",
        "workforce/reads.py",
        '        worker__identity__external_id=Given("participant"),\n        hit=Given("hit"),\n',
        '        hit=Given("hit"),\n',
        (
            "tests/annotation_site/test_matrix_of_workers.py"
            "::test_everybody_meets_what_the_matrix_says_and_no_get_changes_anything",
        ),
    ),
    Defence(
        "S1 an answer names cells of its own page",
        "contains_task/forms.py",
        "return value in self.handles",
        "return True",
        ("tests/contains_task/test_views.py::test_a_forged_cell_is_refused_and_nothing_stored",),
    ),
    Defence(
        "S1 a work token is signed",
        "workforce/pages.py",
        "            return _signer(key).unsign(token), key\n",
        '            return token.rpartition(":")[0], key\n',
        ("tests/workforce/test_submit.py::test_a_forged_work_token_is_refused",),
    ),
    Defence(
        "S2 conditions of REST are a list",
        "api/views.py",
        "    if unknown:\n",
        "    if unknown and not unknown:\n",
        ("tests/api/test_rest.py::test_a_parameter_that_is_not_offered_is_refused_by_name",),
    ),
    Defence(
        "S2 no page names columns",
        "dashboard/overview/views.py",
        '@staff_page("GET", may=May.LIST_STUDIES)\n',
        'def sorted_as_asked(request, rows):\n    return rows.order_by(request.GET["order"])\n\n\n'
        '@staff_page("GET", may=May.LIST_STUDIES)\n',
        (SOURCE_RULE,),
    ),
    Defence(
        "S3 figures of a study are a list",
        "catalog/actions.py",
        "    unknown = sorted(set(figures) - set(FIELDS))\n",
        "    unknown: list[str] = []\n",
        ("tests/catalog/test_actions.py::test_only_figures_can_be_set",),
    ),
    Defence(
        "S3 there is no admin of Django",
        "annotation_site/settings.py",
        '    "django.contrib.auth",\n',
        '    "django.contrib.admin",\n    "django.contrib.auth",\n',
        ("tests/security/test_requirements.py::test_there_is_no_admin_of_django_and_no_form_has_a_field_of_rights",),
    ),
    Defence(
        "S4 words of a label are escaped",
        "templates/contains_task/grid.html",
        "with name=label.name %}Select every",
        "with name=label.name|safe %}Select every",
        (
            "tests/contains_task/test_views.py::test_words_of_a_label_are_escaped",
            "tests/security/test_requirements.py::test_templates_escape_everything",
        ),
    ),
    Defence(
        "S5 three formats of images",
        "catalog/photographs/reads.py",
        'Pillow.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP"))',
        "Pillow.open(io.BytesIO(content))",
        ("tests/catalog/test_photographs.py::test_anything_but_jpeg_png_and_webp_is_refused_with_the_way_out",),
    ),
    Defence(
        "S6 a limit of pixels",
        "catalog/photographs/reads.py",
        "        if width * height > most:\n",
        "        if width * height > 10 * most:\n",
        ("tests/catalog/test_photographs.py::test_too_many_pixels_are_refused_unread",),
    ),
    Defence(
        "S6 a limit of bytes",
        "catalog/photographs/reads.py",
        "    if n_bytes > LARGEST_FILE_BYTES:\n",
        "    if n_bytes > 10 * LARGEST_FILE_BYTES:\n",
        ("tests/catalog/test_photographs.py::test_a_file_over_20_mib_is_refused",),
    ),
    Defence(
        "S6 an archive may not grow without end",
        "data_import/sources/archive.py",
        "                if most_bytes < 0:\n",
        "                if most_bytes < -(2**60):\n",
        ("tests/data_import/test_import_archive.py::test_a_zip_that_declares_more_than_images_have_is_refused",),
    ),
    Defence(
        "S6 a decoder has limits of its own",
        "catalog/decoding/reads.py",
        "    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))\n",
        "",
        ("tests/catalog/test_photographs.py::test_a_decoder_cannot_take_the_machines_memory",),
    ),
    Defence(
        "S7 names that lead out are refused",
        "data_import/sources/requests.py",
        '    return any(path.is_absolute() or path.anchor or ".." in path.parts for path in paths)\n',
        "    return not paths\n",
        (
            "tests/data_import/test_import_archive.py::test_names_that_lead_out_are_refused_and_nothing_is_written_by_name",
        ),
    ),
    Defence(
        "S7 links in an archive are refused",
        "data_import/sources/archive.py",
        "    if member.issym() or member.islnk():\n",
        "    if member.issym() and member.islnk():\n",
        ("tests/data_import/test_import_archive.py::test_links_and_devices_in_a_tar_are_refused",),
    ),
    Defence(
        "S7 pages import from one folder",
        "data_import/server_files/reads.py",
        "    if not path.is_relative_to(root):\n",
        "    if not path.is_absolute():\n",
        ("tests/dashboard/files/test_images_pages.py::test_nothing_outside_the_import_folder_is_opened",),
    ),
    Defence(
        "S8 a bucket is no address of another kind",
        "data_import/job_sources/actions.py",
        "    if not address.startswith(SCHEME) or not bucket or",
        "    if not bucket or",
        ("tests/security/test_requirements.py::test_no_page_fetches_an_address",),
    ),
    Defence(
        "S9 an address of a picture is bound to its lease",
        "workforce/reads.py",
        "    key = _handle_key(secret, lease.public_id)\n",
        '    key = _handle_key(secret, "")\n',
        ("tests/catalog/test_image_view.py::test_two_people_have_different_addresses_for_one_image",),
    ),
    Defence(
        "S9 an address of a picture ends with its lease",
        "workforce/photographs/views.py",
        "    if seconds <= 0:\n        raise Http404\n",
        "",
        ("tests/catalog/test_image_view.py::test_an_address_ends_with_its_lease_and_a_grace",),
    ),
    Defence(
        "S9 pictures carry pixels alone",
        "catalog/photographs/reads.py",
        '    bare = Pillow.new("RGB", display.size)\n    bare.paste(display)\n    return bare\n',
        "    return display\n",
        ("tests/catalog/test_photographs.py::test_what_workers_see_tells_nothing_but_the_picture",),
    ),
    Defence(
        "S10 no cell is a formula",
        "csv_files/cells.py",
        '    return f"\'{text}" if FORMULA.match(text) else text\n',
        "    return text\n",
        ("tests/data_export/test_export.py::test_a_formula_in_an_image_name_is_guarded_in_csv_only",),
    ),
    Defence(
        "S11 pages in a frame are counted",
        "workforce/limits.py",
        "    if seconds:\n        raise TooMany(seconds)\n",
        "",
        ("tests/workforce/test_limits.py::test_pages_opened_from_one_address_are_limited_and_others_are_not",),
    ),
    Defence(
        "S11 bodies are bounded before they are read",
        "annotation_site/middleware.py",
        "        if length <= limit:\n            return get_response(request)\n",
        "        return get_response(request)\n",
        ("tests/contains_task/test_views.py::test_a_body_of_10_megabytes_is_refused_and_nothing_stored",),
    ),
    Defence(
        "S13 two people for the sixth rejection",
        "mturk/rejections/actions.py",
        "REJECTIONS_ALONE = 5",
        "REJECTIONS_ALONE = 10**6",
        ("tests/mturk/test_rejections.py::test_from_the_sixth_rejection_of_a_batch_on_a_second_person_has_to_agree",),
    ),
    Defence(
        "S13 two people are not one",
        "dashboard/payments/decisions.py",
        "        if request.user == first:\n            raise UserError(",
        "        if request.user is None:\n            raise UserError(",
        (
            "tests/dashboard/payments/test_payments_pages.py"
            "::test_from_the_sixth_rejection_on_somebody_else_agrees_under_their_own_login",
        ),
    ),
    Defence(
        "S14 keys are stored as hashes",
        "api/reads.py",
        "    return hashlib.sha256(key.encode()).hexdigest()\n",
        "    return key\n",
        ("tests/api/test_tokens.py::test_only_a_hash_of_a_key_and_its_first_letters_are_stored",),
    ),
    Defence(
        "S14 keys expire and are revoked",
        "api/reads.py",
        "ApiToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now()), revoked_at=None)",
        "ApiToken.objects.exclude(Q(pk=None) & Q(created_at__gt=now()))",
        (
            "tests/api/test_tokens.py::test_a_key_works_until_it_expires",
            "tests/api/test_tokens.py::test_a_revoked_key_is_refused_and_stays_on_record",
        ),
    ),
    Defence(
        "S15 a weak key stops the start",
        "annotation_site/keys.py",
        '    if len(key) < SHORTEST_KEY or len(set(key)) < 5 or key.startswith("django-insecure-"):\n',
        "    if not key:\n",
        (
            "tests/annotation_site/test_settings.py"
            "::test_a_weak_or_missing_secret_is_refused_with_a_database_of_ones_own",
        ),
    ),
    Defence(
        "S15 a rotated key voids no page",
        "workforce/reads.py",
        "    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]\n",
        "    return [settings.SECRET_KEY]\n",
        (
            "tests/workforce/test_changed_keys.py"
            "::test_a_page_from_before_loads_its_pictures_and_its_answer_counts_as_it_was_meant",
            "tests/workforce/test_changed_keys.py::test_an_answer_in_a_frame_is_proven_across_the_change",
        ),
    ),
    Defence(
        "S16 the checks of a deployment",
        "annotation_site/settings.py",
        "SECURE_SSL_REDIRECT = IS_HTTPS\n",
        "SECURE_SSL_REDIRECT = False\n",
        ("tests/annotation_site/test_settings.py::test_a_deployment_passes_djangos_security_checks",),
    ),
    Defence(
        "S17 tasks travel as JSON",
        "annotation_site/settings.py",
        'CELERY_ACCEPT_CONTENT = ["json"]',
        'CELERY_ACCEPT_CONTENT = ["json", "pickle"]',
        (
            "tests/annotation_site/test_settings.py"
            "::test_celery_takes_json_only_and_ends_a_task_before_it_is_handed_out_again",
        ),
    ),
    Defence(
        "S17 nothing is unpickled",
        "jobs/reads.py",
        "from datetime import timedelta\n",
        "import pickle\nfrom datetime import timedelta\n",
        (SOURCE_RULE,),
    ),
    Defence(
        "S18 XML without entities",
        "mturk/xml_documents.py",
        "from defusedxml.ElementTree import fromstring\n",
        "from xml.etree.ElementTree import fromstring\n",
        ("tests/mturk/test_prices_and_documents.py::test_what_is_no_answer_or_an_attack_is_refused_in_words",),
    ),
    Defence(
        "S18 XML of a bounded size",
        "mturk/xml_documents.py",
        "    if len(document) > LONGEST_ANSWER:\n",
        "    if len(document) > 100 * LONGEST_ANSWER:\n",
        ("tests/mturk/test_prices_and_documents.py::test_what_is_no_answer_or_an_attack_is_refused_in_words",),
    ),
    Defence(
        "S19 the record of decisions is append-only",
        "audit/migrations/0002_guards.py",
        "    RAISE EXCEPTION 'the record of decisions is append-only'\n"
        "        USING ERRCODE = 'check_violation', CONSTRAINT = 'audit_only_grows';\n",
        "    RETURN COALESCE(NEW, OLD);\n",
        ("tests/audit/test_record.py::test_the_database_refuses_to_change_the_record",),
    ),
    Defence(
        "S19 the record of members is not emptied",
        "access/migrations/0002_membership_record_is_never_emptied.py",
        "    operations = [migrations.RunSQL(GUARD, NO_GUARD)]\n",
        "    operations: list[migrations.RunSQL] = []\n",
        ("tests/access/test_memberships.py::test_the_record_is_not_emptied_either",),
    ),
    Defence(
        "S19 the digest covers every column",
        "audit/migrations/0002_guards.py",
        "entry.before, entry.after, entry.reason\n",
        "entry.before, entry.reason\n",
        ("tests/audit/test_record.py::test_what_is_changed_behind_the_sites_back_is_found",),
    ),
    Defence(
        "S19 a head that was written down shows what is missing",
        "audit/reads.py",
        "    if head is not None and links.get(head[0]) != head[1]:\n        broken.append(0)\n",
        "",
        ("tests/audit/test_record.py::test_entries_removed_from_the_end_are_missed_by_who_wrote_the_head_down",),
    ),
    Defence(
        "S19 an exclusion is recorded",
        "workforce/exclusions/actions.py",
        '    record(area=Area.REVIEW, action="submission.exclude", ',
        "    dict(area=Area.REVIEW, ",
        ("tests/audit/test_decisions.py::test_what_people_decide_is_recorded",),
    ),
    Defence(
        "S20 real money needs a word",
        "annotation_site/settings.py",
        '    if not is_ours and not env_bool("MTURK_LIVE", False):\n',
        '    if not is_ours and env_bool("MTURK_LIVE", False) is None:\n',
        ("tests/mturk/test_requester_settings.py::test_another_endpoint_is_refused_and_the_message_names_the_switch",),
    ),
    Defence(
        "S20 a cap on spending",
        "mturk/payments/actions.py",
        "    if is_new and committed(terms) > terms.spending_cap:\n",
        "    if is_new and committed(terms) < 0:\n",
        ("tests/mturk/test_mturk.py::test_a_bonus_over_the_cap_is_not_paid",),
    ),
    Defence(
        "S21 packages are installed by their hashes",
        "Dockerfile",
        "--require-hashes ",
        "",
        ("tests/annotation_site/test_deployment.py::test_the_image_installs_by_hash_and_does_not_run_as_root",),
    ),
    Defence(
        "S22 views open to other sites are a list",
        "dashboard/overview/urls.py",
        'path("images/<slug:public_id>/", views.image, name="image")',
        'path("images/<slug:public_id>/", __import__("django.views.decorators.csrf", fromlist=["x"])'
        '.csrf_exempt(views.image), name="image")',
        (
            "tests/security/test_requirements.py"
            "::test_no_address_takes_notifications_and_no_view_is_open_to_other_sites_unless_it_is_listed",
        ),
    ),
    Defence(
        "S23 an error tells nothing of the inside",
        "annotation_site/views.py",
        '    message = gettext("The error is on our side. Your data may not be saved: please try again.")\n',
        '    message = f"The error is on our side: {sys.exception()}"\n',
        ("tests/security/test_requirements.py::test_what_breaks_inside_is_logged_and_not_told",),
    ),
    Defence(
        "S23 no page is debugged",
        "annotation_site/settings.py",
        'DEBUG = env_bool("DEBUG", False)',
        'DEBUG = env_bool("DEBUG", True)',
        ("tests/annotation_site/test_settings.py::test_no_page_is_debugged_and_no_host_is_open_by_default",),
    ),
    Defence(
        "S24 buttons of staff are POST alone",
        "dashboard/pages.py",
        "        answer = require_http_methods(allowed)(view)\n",
        "        answer = view\n",
        (
            "tests/annotation_site/test_staff_addresses.py"
            "::test_an_address_answers_the_roles_that_it_is_for_and_a_get_changes_nothing",
        ),
    ),
    Defence(
        "S24 a form of another site changes nothing",
        "annotation_site/settings.py",
        '    "django.middleware.csrf.CsrfViewMiddleware",\n',
        "",
        ("tests/dashboard/files/test_images_pages.py::test_a_forged_form_changes_nothing",),
    ),
    Defence(
        "S24 an answer of another site's page is refused",
        "workforce/forms.py",
        '    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":\n',
        '    if request.headers.get("Sec-Fetch-Site", "same-origin") == "":\n',
        ("tests/contains_task/test_views.py::test_an_answer_from_another_sites_page_is_refused",),
    ),
)
