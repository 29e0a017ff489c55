"""The researcher's pages of the marketplace about people: who may work, who is kept out, written to, paid enough."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client

from catalog.actions import InvalidFigure, change_settings
from catalog.reads import now
from mturk import endpoint
from mturk.models import Call, LedgerEntry, ListedAssignment, Qualification, Terms
from mturk.payments.actions import CannotNotify, note_unreached, notify
from mturk.payments.reads import active_seconds_of
from mturk.requirements.reads import (
    LOCALE,
    NUMBER_APPROVED,
    PERCENT_APPROVED,
    BadRequirement,
    check_together,
    custom,
    in_places,
)
from mturk.wages.reads import proposed_reward
from tests.dashboard.payments.test_payments_pages import about, publish, text_of
from tests.factories import make_batch, make_dataset, make_grid, make_images, make_worker, staff_client, unique
from tests.mturk.conftest import marketplace, running_endpoint  # noqa: F401
from tests.mturk.marketplaces import answer_in_frame
from tests.mturk.mturk_study import (
    ask,
    grids_to_publish,
    hand_over,
    hits_of,
    page_of,
    published,
    send_until_quiet,
    settle,
    work,
)
from tests.mturk.mturk_study import publish as publish_directly
from workforce.models import Assignment, Batch, Exclusion, Submission, WorkerIdentity
from workforce.reads import pseudonym

pytestmark = pytest.mark.django_db
OURS = {"Description": "For who ticked well.", "QualificationTypeStatus": "Active"}


@pytest.fixture
def client() -> Client:
    return staff_client()


@pytest.fixture(autouse=True)
def nothing_remembered():
    cache.clear()


def qualification_type_id(name: str) -> str:
    return endpoint.call("CreateQualificationType", Name=name, **OURS)["QualificationType"]["QualificationTypeId"]


def worked_on(marketplace, n_hits: int = 1, worker: str | None = None) -> list[ListedAssignment]:  # noqa: F811
    """Assignments that were confirmed and approved."""
    for marketplace_hit in published(grids_to_publish(n_hits, n_slots=1), cap="50"):
        work(marketplace, marketplace_hit, worker)
    settle()
    ask()
    return list(ListedAssignment.objects.order_by("pk"))


# Who may work


def test_qualifications_are_asked_for_by_figures_places_names_and_ids(marketplace, client):  # noqa: F811
    batch = grids_to_publish(1, n_slots=1)
    name = unique("Ticking test")
    trained, other = qualification_type_id(name), qualification_type_id(unique("Trained"))
    fields = {
        "percent_approved": "95",
        "number_approved": "0",
        "places": "us, CA-QC",
        "qualifications": f"{name} >= 80\r\n\r\nnot {other}",
    }
    text = text_of(publish(client, batch, do="preview", **fields))
    assert "Total $0.12" in text
    assert publish(client, batch, agreed="0.12", **fields).status_code == 302
    send_until_quiet()
    approved, two, three, four, five = Terms.objects.get().requirements
    assert (approved["QualificationTypeId"], approved["Comparator"], approved["IntegerValues"]) == (
        PERCENT_APPROVED,
        "GreaterThanOrEqualTo",
        [95],
    )
    assert (two["QualificationTypeId"], two["IntegerValues"]) == (NUMBER_APPROVED, [0])
    assert three["LocaleValues"] == [{"Country": "US"}, {"Country": "CA", "Subdivision": "QC"}]
    assert (four["QualificationTypeId"], four["IntegerValues"]) == (trained, [80])
    assert (five["QualificationTypeId"], five["Comparator"]) == (other, "DoesNotExist")
    page = text_of(client.get(f"/setup/published/{batch.pk}/"))
    assert "Percent of assignments approved: at least 95" in page
    assert "Location: one of US, CA-QC" in page
    assert f"{trained}: at least 80" in page
    [marketplace_hit] = hits_of(Terms.objects.get())
    worker = marketplace.worker()
    assert "ualific" in marketplace.ask("accept", worker=worker, hit=marketplace_hit.external_id)["refused"]
    endpoint.call("AssociateQualificationWithWorker", QualificationTypeId=trained, WorkerId=worker, IntegerValue=80)
    assert marketplace.accept(worker, marketplace_hit.external_id)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"percent_approved": "101"}, "less than or equal to 100"),
        ({"number_approved": "-1"}, "greater than or equal to 0"),
        ({"places": "US, Germany"}, "Unknown place GERMANY. Enter countries as two letters"),
        ({"places": "US, ZZ"}, "Unknown country code: ZZ. Look codes up"),
        ({"places": "uk, XX-AB, EL"}, "Unknown country codes: UK, XX, EL. Use GB instead of UK. Use GR instead of EL."),
        ({"qualifications": "Never made"}, "You have no qualification called “Never made” on the marketplace"),
        ({"qualifications": "3ABCDEFGHIJKLMNOPQRSTUVWXYZ012"}, "knows no qualification with the id 3ABCDEFGHIJKLMNOP"),
        ({"qualifications": "Ticking >= many"}, "“Ticking >= many”: write a name or id alone"),
        ({"qualifications": "not Ticking = 5"}, "write a name or id alone, after “not”, or before"),
        ({"percent_approved": "95", "qualifications": PERCENT_APPROVED}, "approved” is required twice"),
    ],
)
def test_what_cannot_be_asked_of_workers_is_refused_in_words_and_kept(marketplace, client, fields, words):  # noqa: F811
    batch = grids_to_publish(1)
    page = publish(client, batch, agreed="0.24", **fields)
    assert page.status_code == 422
    assert words in text_of(page)
    assert next(iter(fields.values())).replace(">", "&gt;") in page.content.decode()
    assert not Terms.objects.exists()


def test_more_than_the_marketplace_takes_is_refused_before_it_is_asked():
    many = custom("\n".join(f"q{n}" for n in range(9)), str.upper)
    with pytest.raises(BadRequirement, match="9 qualifications; a HIT takes at most 8 besides our own"):
        check_together(many)
    with pytest.raises(BadRequirement, match="31 places"):
        in_places(" ".join(f"A{chr(65 + n)}" if n < 26 else f"B{chr(39 + n)}" for n in range(31)))
    assert in_places("DE de")["QualificationTypeId"] == LOCALE
    assert in_places("DE de")["LocaleValues"] == [{"Country": "DE"}]


def test_masters_cost_more_and_the_page_says_so(marketplace, client):  # noqa: F811
    batch = grids_to_publish(1, n_slots=1)
    text = text_of(publish(client, batch, do="preview", reward="1.00", qualifications="2F1QJWKUDD8XADTFD2Q0G6UTO95ALH"))
    assert "Fees $0.25" in text


def test_a_marketplace_that_is_away_is_named_where_a_name_was_to_be_looked_up(settings, client):
    settings.MTURK = settings.MTURK | {
        "endpoint_url": "http://127.0.0.1:9",
        "access_key_id": "AKIA",
        "secret_access_key": "x",
    }
    endpoint.client.cache_clear()
    page = publish(client, grids_to_publish(1), qualifications="Trained")
    endpoint.client.cache_clear()
    assert "gave no answer about Trained" in text_of(page)


# Who answered before


@pytest.fixture
def asked_again(marketplace) -> Batch:  # noqa: F811
    """A batch that asks one thing anew and one that somebody answered."""
    dataset = make_dataset(contains_answers=1)
    images = make_images(dataset, 2)
    first, later = make_batch(dataset), make_batch(dataset)
    make_grid(batch=first, images=images[:1], n_slots=1)
    for image in images:
        make_grid(batch=later, images=[image], n_slots=1)
    publish_directly(first, cap="5")
    send_until_quiet()
    [marketplace_hit] = hits_of(Terms.objects.get())
    work(marketplace, marketplace_hit)
    settle()
    return later


def test_what_is_asked_again_is_told_before_publishing_and_former_workers_are_kept_out(asked_again, client):
    first = Terms.objects.get().batch_id
    page = client.get(f"/setup/publish/{asked_again.pk}/")
    text = text_of(page)
    assert f"1 HIT repeats questions of earlier batches ({first}). 1 worker answered those questions" in text
    assert 'name="keeps_out_former"' in page.content.decode()
    assert publish(client, asked_again, agreed="0.24", keeps_out_former="on").status_code == 302
    send_until_quiet()
    text = text_of(client.get(f"/setup/published/{asked_again.pk}/"))
    assert "1 HIT repeats earlier questions. Not offered again to 1 worker who answered before." in text


def test_former_workers_are_offered_it_all_the_same_where_that_is_wanted(asked_again, client):
    assert publish(client, asked_again, agreed="0.24").status_code == 302
    send_until_quiet()
    assert Terms.objects.get(batch=asked_again).former_workers is None
    assert Qualification.objects.count() == 1


def test_a_batch_that_asks_nothing_again_has_no_such_choice_and_keeps_out_what_comes_later(marketplace, client):  # noqa: F811
    batch = grids_to_publish(1)
    page = client.get(f"/setup/publish/{batch.pk}/").content.decode()
    assert "keeps_out_former" not in page
    publish(client, batch, agreed="0.24")
    assert Terms.objects.get().keeps_out_former


def test_the_command_tells_of_repeats_too(asked_again, capsys):
    call_command("publish", str(asked_again.pk), "--reward", "0.10", "--offer-former", "--yes", "--below-target")
    text = capsys.readouterr().err
    assert "1 HIT repeats questions of earlier batches" in text
    assert "1 worker who answered before may still accept such a HIT." in text
    assert not Terms.objects.get(batch=asked_again).keeps_out_former


# Who is offered no more


def test_who_is_kept_out_can_be_excluded_with_it_and_is_let_in_again(marketplace, client):  # noqa: F811
    [listed] = worked_on(marketplace)
    answered = client.post(about(listed, "block"), {"reason": "Ticked everything."}, follow=True)
    assert "1 answer is now excluded" in text_of(answered)
    assert Exclusion.objects.get().reason.endswith(": Ticked everything.")
    send_until_quiet()
    page = client.get(f"/setup/published/{listed.marketplace_hit.terms.batch_id}/").content.decode()
    assert about(listed, "let_in") in page
    assert client.post(about(listed, "let_in")).status_code == 302
    assert "is not blocked" in text_of(client.post(about(listed, "let_in")))
    send_until_quiet()
    page = client.get(f"/setup/published/{listed.marketplace_hit.terms.batch_id}/").content.decode()
    assert about(listed, "block") in page
    assert Exclusion.objects.get().lifted_at is None
    assert list(Call.objects.filter(worker=listed.worker).order_by("pk").values_list("op", "state")) == [
        ("AssociateQualificationWithWorker", "done"),
        ("DisassociateQualificationFromWorker", "done"),
    ]


def test_the_command_lets_in_again_as_well(marketplace, capsys):  # noqa: F811
    [listed] = worked_on(marketplace)
    dataset = listed.marketplace_hit.terms.batch.dataset
    name = pseudonym(dataset, listed.worker_id)
    call_command("marketplace", "block", name, "--dataset", dataset.name)
    call_command("marketplace", "block", name, "--dataset", dataset.name, "--lift")
    assert f"Worker {name} is no longer blocked." in capsys.readouterr().out


# Closing, writing, sending again


def test_closing_takes_it_off_and_what_people_hold_still_counts_and_is_paid(marketplace, client):  # noqa: F811
    held, free = published(grids_to_publish(2, n_slots=1), cap="5")
    worker = marketplace.worker()
    url = f"/setup/published/{held.terms.batch_id}"
    assignment = marketplace.accept(worker, held.external_id)
    fields = answer_in_frame(page_of(held, assignment, worker))
    assert client.post(f"{url}/close/").status_code == 302
    send_until_quiet()
    assert "refused" in marketplace.ask("accept", worker=marketplace.worker(), hit=free.external_id)
    hand_over(marketplace, assignment, fields)
    settle()
    ask()
    assert Submission.objects.get().state == "confirmed"
    assert ListedAssignment.objects.get().status == "approved"
    text = text_of(client.get(f"{url}/"))
    assert "closed" in text and "Extend" not in text and "Close batch" not in text
    assert "is already closed" in text_of(client.post(f"{url}/close/"))
    assert "no longer accepts answers" in text_of(client.post(f"{url}/extend/", {"days": "1"}))


def test_the_command_that_closes_a_batch_takes_it_off_the_marketplace(marketplace):  # noqa: F811
    [marketplace_hit] = published(grids_to_publish(1, n_slots=1), cap="5")
    call_command("close", str(marketplace_hit.terms.batch_id))
    assert Terms.objects.get().expires_at <= now()
    assert Call.objects.filter(op="UpdateExpirationForHIT").count() == 1
    call_command("close", str(marketplace_hit.terms.batch_id))
    assert Call.objects.filter(op="UpdateExpirationForHIT").count() == 1


def test_workers_are_written_to_once_however_often_the_button_is_pressed(marketplace, client):  # noqa: F811
    [listed] = worked_on(marketplace)
    url = f"/setup/published/{listed.marketplace_hit.terms.batch_id}/"
    page = client.get(f"{url}notify/")
    assert "Workers 1" in text_of(page)
    data = {"subject": "Thank you", "text": "The study\r\ngoes on.", "token": page.context["form"]["token"].value()}
    for _ in range(2):
        assert "The message is being sent to 1 worker." in text_of(client.post(f"{url}notify/", data, follow=True))
    send_until_quiet()
    [call] = Call.objects.filter(op="NotifyWorkers")
    assert (call.state, call.payload["MessageText"]) == ("done", "The study\ngoes on.")
    assert "Thank you sent" in text_of(client.get(url))


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"subject": ""}, "required"), ({"subject": "x" * 201}, "at most 200"), ({"text": "x" * 4097}, "at most 4096")],
)
def test_a_message_that_cannot_be_is_refused_with_what_was_written_kept(marketplace, client, changed, words):  # noqa: F811
    [listed] = worked_on(marketplace)
    url = f"/setup/published/{listed.marketplace_hit.terms.batch_id}/notify/"
    data = {"subject": "Thank you", "text": "The study goes on.", "token": "t" * 30} | changed
    page = client.post(url, data)
    assert page.status_code == 422
    assert words in text_of(page)
    assert not Call.objects.filter(op="NotifyWorkers").exists()


def test_a_message_goes_out_by_the_hundred_and_whom_it_missed_is_shown_by_pseudonym(marketplace, client):  # noqa: F811
    [listed] = worked_on(marketplace)
    terms = listed.marketplace_hit.terms
    with pytest.raises(CannotNotify, match="1 to 200 characters"):
        notify(terms=terms, subject=" ", text="a")
    for n in range(100):
        _somebody_reviewed(listed, n)
    assert notify(terms=terms, subject="Thank you", text="Really.") == 101
    first, second = Call.objects.filter(op="NotifyWorkers").order_by("pk")
    assert (len(first.payload["workers"]), len(second.payload["workers"])) == (100, 1)
    raw = WorkerIdentity.objects.get(worker=listed.worker_id).external_id
    failure = {
        "WorkerId": raw,
        "NotifyWorkersFailureCode": "HardFailure",
        "NotifyWorkersFailureMessage": f"{raw} is gone",
    }
    note_unreached(call=first, failures=[failure])
    page = client.get(f"/setup/published/{terms.batch_id}/")
    text = text_of(page)
    assert f"1 worker did not receive it: {pseudonym(terms.batch.dataset, listed.worker_id)} : (worker) is gone" in text
    assert raw not in page.content.decode()


def _somebody_reviewed(listed: ListedAssignment, n: int) -> None:
    ListedAssignment.objects.create(
        marketplace_hit=listed.marketplace_hit,
        external_id=f"3{n}",
        worker=make_worker(marketplace="mturk"),
        finding="unreadable",
        status="approved",
        accepted_at=now(),
        submitted_at=now(),
    )


def test_there_is_nobody_to_write_to_before_something_was_reviewed(marketplace, client):  # noqa: F811
    [marketplace_hit] = published(grids_to_publish(1), cap="5")
    url = f"/setup/published/{marketplace_hit.terms.batch_id}/notify/"
    data = {"subject": "Thank you", "text": "The study goes on.", "token": "t" * 30}
    assert "there are no recipients" in text_of(client.post(url, data))
    with pytest.raises(CommandError, match="no recipients"):
        call_command("marketplace", "notify", str(marketplace_hit.terms.batch_id), "--subject", "a", "--text", "b")


def test_only_the_refused_calls_of_this_batch_are_sent_again(marketplace, client):  # noqa: F811
    mine, other = grids_to_publish(1), grids_to_publish(1)
    for batch in (mine, other):
        publish(client, batch, agreed="0.24")
    for batch in (mine, other):
        Call.objects.create(op="UpdateExpirationForHIT", purpose=f"end of {batch.pk}", payload={}, batch=batch)
    Call.objects.update(state="failed", last_error="RequestError: no such thing")
    text = text_of(client.post(f"/setup/published/{mine.pk}/resend/", follow=True))
    assert f"2 failed calls of batch {mine.pk} are being retried" in text
    assert Call.objects.get(batch=other, purpose=f"end of {other.pk}").state == "failed"
    assert Call.objects.get(batch=None).state == "waiting"


# What an hour is to earn


def test_the_target_wage_is_a_figure_of_the_study(marketplace, client):  # noqa: F811
    batch = grids_to_publish(1)
    before = proposed_reward(batch).reward
    page = client.get(f"/setup/settings/{batch.dataset.name}/")
    assert "Target wage in dollars per hour" in text_of(page)
    change_settings(dataset=batch.dataset, target_wage="24")
    assert proposed_reward(batch).reward in (2 * before, 2 * before - Decimal("0.01"))
    assert "At $24.00 per hour" in proposed_reward(batch).why
    for wage in ("0", "1000.01", "-5", "much"):
        with pytest.raises(InvalidFigure, match="target_wage"):
            change_settings(dataset=batch.dataset, target_wage=wage)


def test_time_on_several_pages_at_once_is_counted_once(marketplace):  # noqa: F811
    first, second = worked_on(marketplace, 2, worker=marketplace.worker())
    end = now()
    Assignment.objects.update(opened_at=end - timedelta(seconds=100))
    for listed, seconds in ((first, 60), (second, 20)):
        begin = end - timedelta(seconds=seconds)
        Submission.objects.filter(listed=listed).update(submitted_at=begin)
        ListedAssignment.objects.filter(pk=listed.pk).update(
            accepted_at=end - timedelta(seconds=100), submitted_at=begin
        )
    assignments = ListedAssignment.objects.select_related("submission__lease")
    assert active_seconds_of(assignments) == {first.pk: pytest.approx(40), second.pk: pytest.approx(40)}


def test_the_page_says_what_is_known_of_the_time_and_the_wage_beside_its_target(marketplace, client):  # noqa: F811
    [listed] = worked_on(marketplace)
    text = text_of(client.get(f"/setup/published/{listed.marketplace_hit.terms.batch_id}/"))
    assert "Target $12.00" in text
    assert "Time while the page was hidden" in text


def test_a_top_up_over_the_cap_pays_nobody(marketplace, client):  # noqa: F811
    [listed] = worked_on(marketplace)
    url = f"/setup/published/{listed.marketplace_hit.terms.batch_id}/top_up/"
    assert "spending cap" in text_of(client.post(url, {"level": "60.00"}))
    assert not LedgerEntry.objects.filter(kind="bonus").exists()
    assert not Call.objects.filter(op="SendBonus").exists()
