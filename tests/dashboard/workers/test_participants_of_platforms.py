"""People by the IDs of their platform: what links keep, look-up, withdrawal, and comparison with Prolific."""

from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction

from audit.models import AuditEntry
from tests.dashboard.workers.studies_of_workers import SmallStudy
from tests.factories import make_administrator, make_dataset, make_lease, make_worker, sign_in, staff_client, start
from workforce.models import Bar, Batch, Exclusion, Lease, PlatformVisit, WorkerIdentity
from workforce.platforms.actions import MOST_VISITS, note_session
from workforce.reads import pseudonym
from workforce.recruitment_links import PlatformSession

pytestmark = pytest.mark.django_db

LINK = {"PROLIFIC_PID": "5f3c0b7a", "STUDY_ID": "61aa", "SESSION_ID": "77bb"}


@pytest.fixture
def client():
    return staff_client()


@pytest.fixture
def study() -> SmallStudy:
    return SmallStudy()


def words_of(response) -> str:
    return " ".join(response.content.decode().split())


class TestSessionsOfLinks:
    def visits(self) -> set[tuple[str, str]]:
        return set(PlatformVisit.objects.values_list("study_id", "session_id"))

    def test_a_start_keeps_the_study_and_session_of_the_link(self, study):
        start(study.batch, urlencode(LINK))
        assert self.visits() == {("61aa", "77bb")}
        start(study.batch, urlencode(LINK))
        start(study.batch, urlencode({"worker": "5f3c0b7a"}))
        assert PlatformVisit.objects.count() == 1

    @pytest.mark.parametrize(
        "odd", [{"SESSION_ID": "{{%SESSION_ID%}}"}, {"SESSION_ID": "x" * 101}, {"SESSION_ID": ""}], ids=str
    )
    def test_what_is_no_id_is_left_out_and_nobody_is_refused(self, study, odd):
        assert start(study.batch, urlencode(LINK | odd)).status_code == 303
        assert self.visits() == {("61aa", "")}

    def test_contradicting_sessions_are_left_out(self, study):
        start(study.batch, urlencode(LINK) + "&SESSION_ID=another")
        assert self.visits() == {("61aa", "")}

    def test_a_link_without_them_stores_nothing(self, study):
        start(study.batch, "ann")
        assert not PlatformVisit.objects.exists()

    def test_connect_names_its_project_and_assignment(self, study):
        start(study.batch, urlencode({"participantId": "c1", "projectId": "p1", "assignmentId": "a1"}))
        assert self.visits() == {("p1", "a1")}

    def test_one_person_stores_no_more_than_a_few(self, study):
        worker = make_worker()
        for n in range(MOST_VISITS + 5):
            note_session(batch=study.batch, worker=worker, session=PlatformSession("s", str(n)))
        assert PlatformVisit.objects.count() == MOST_VISITS

    def test_the_database_keeps_visits_apart_and_named(self, study):
        worker = make_worker()
        fields = {"batch": study.batch, "worker": worker}
        PlatformVisit.objects.create(session_id="a", **fields)
        for values in ({"session_id": "a"}, {}):
            with pytest.raises(IntegrityError), transaction.atomic():
                PlatformVisit.objects.create(**values, **fields)


class TestLookUp:
    @pytest.mark.parametrize("typed", ["5f3c0b7a", " 5f3c0b7a ", "77bb"])
    def test_an_id_leads_to_the_worker_and_is_recorded_without_it(self, client, study, typed):
        start(study.batch, urlencode(LINK))
        worker = pseudonym(study.dataset, WorkerIdentity.objects.get(external_id="5f3c0b7a").worker_id)
        response = client.post(f"/setup/look-up/{study.dataset.name}/", {"id": typed})
        assert response["Location"] == f"/setup/worker/{worker}/{study.dataset.name}/"
        entry = AuditEntry.objects.get(action="worker.look_up")
        assert entry.after == {"workers": [worker]} and typed.strip() not in str(vars(entry))
        assert "5f3c0b7a" not in words_of(client.get(response["Location"]))

    def test_people_of_other_studies_are_nobody_here_and_that_is_recorded_too(self, client, study):
        start(study.batch, urlencode(LINK))
        elsewhere = make_dataset()
        for typed in ("5f3c0b7a", "77bb", "5F3C0B7A", "61aa"):
            page = words_of(client.post(f"/setup/look-up/{elsewhere.name}/", {"id": typed}))
            assert "Nobody with this ID had work of this study." in page
        assert AuditEntry.objects.filter(action="worker.look_up", after={"workers": []}).count() == 4

    def test_it_takes_a_fresh_sign_in_and_an_id_in_no_address(self, client, study):
        start(study.batch, urlencode(LINK))
        stale = staff_client(signed_in=False)
        sign_in(stale, make_administrator(), later=-1_000)
        for place, body in (
            ("look-up", {"id": "5f3c0b7a"}),
            ("withdrawals", {"ids": "5f3c0b7a", "reason": "x", "do": "exclude"}),
            ("recruitment", {}),
        ):
            assert stale.post(f"/setup/{place}/{study.dataset.name}/", body).status_code == 403
        assert client.get(f"/setup/look-up/{study.dataset.name}/?id=5f3c0b7a").status_code == 200
        assert not AuditEntry.objects.filter(action="worker.look_up").exists() and not Exclusion.objects.exists()


class TestWithdrawal:
    def send(self, client, study, do: str, **fields):
        body = {"ids": "5f3c0b7a\nunknown1", "reason": "Consent withdrawn", "do": do} | fields
        return client.post(f"/setup/withdrawals/{study.dataset.name}/", body)

    @pytest.fixture
    def person(self, study):
        worker = make_worker("5f3c0b7a")
        study.answer([0], worker)
        study.answer([1])
        study.aggregate()
        return worker

    def test_the_effect_comes_first_and_nothing_is_changed_by_it(self, client, study, person):
        page = words_of(self.send(client, study, "show"))
        assert "1 worker has these IDs: 1 submissions would be excluded, and 2 votes would no longer count." in page
        assert "<code>unknown1</code>" in page and "Exclude their answers" in page
        assert not Exclusion.objects.exists() and not Bar.objects.exists()

    def test_all_work_is_excluded_and_no_more_is_assigned(self, client, study, person):
        assert self.send(client, study, "exclude").status_code == 302
        assert Exclusion.objects.get().submission.worker == person
        assert Bar.objects.get(lifted_at=None).worker == person
        assert "5f3c0b7a" not in str(AuditEntry.objects.values_list("subject", "before", "after", "reason"))

    def test_what_they_hold_is_free_at_once(self, client, study):
        lease = make_lease(study.batch, make_worker("5f3c0b7a"))
        self.send(client, study, "exclude")
        lease.refresh_from_db()
        assert (lease.state, lease.slot) == (Lease.State.EXPIRED, None)

    def test_the_id_is_kept_out_of_the_reason(self, client, study, person):
        assert self.send(client, study, "exclude", reason="asked by 5f3c0b7a").status_code == 422
        assert not Exclusion.objects.exists()

    def test_an_odd_line_is_named(self, client, study, person):
        response = self.send(client, study, "exclude", ids="5f3c0b7a\n{{%PROLIFIC_PID%}}")
        assert response.status_code == 422 and "line 2" in words_of(response)
        assert not Exclusion.objects.exists()


class TestComparison:
    @pytest.fixture
    def study(self) -> SmallStudy:
        study = SmallStudy(n_slots=9)
        Batch.objects.filter(pk=study.batch.pk).update(completion_code="C0DE", decline_code="N0", hits_per_worker=1)
        study.batch.refresh_from_db()
        for name in ("nocode", "other", "unpaid", "paid", "returned", "absent", "rejected"):
            study.answer([0], make_worker(f"p{name}"))
        return study

    def send(self, client, study, text: str | bytes):
        content = text if isinstance(text, bytes) else text.encode()
        body = {"batch": study.batch.pk, "file": SimpleUploadedFile("prolific.csv", content)}
        return client.post(f"/setup/recruitment/{study.dataset.name}/", body)

    FILE = (
        "Submission id,Participant id,Status,Completed at,Completion code,Age\n"
        "s1,pnocode,AWAITING REVIEW,,NOCODE,thirty-one\n"
        "s2,pother,AWAITING REVIEW,,WRONG,thirty-one\n"
        "s3,punpaid,AWAITING REVIEW,,c0de,thirty-one\n"
        "s4,ppaid,APPROVED,,C0DE,thirty-one\n"
        "s5,preturned,RETURNED,,,thirty-one\n"
        "s6,prejected,REJECTED,,,thirty-one\n"
        "s7,pnothing,AWAITING REVIEW,,C0DE,thirty-one\n"
        "s8,pdeclined,AWAITING REVIEW,,N0,thirty-one\n"
        "s9,pgone,TIMED-OUT,,,thirty-one\n"
        "s10,ppaid,RETURNED,,,thirty-one\n"
    )

    def cases(self, response) -> dict[str, list[str]]:
        cases = response.context["comparison"].cases
        return {case.value: [person.id for person in people] for case, people in cases.items()}

    EXPECTED = {
        "no_code": ["pnocode", "pother"],
        "unpaid": ["punpaid"],
        "returned": ["preturned"],
        "rejected": ["prejected"],
        "not_done": ["pnothing"],
        "absent": ["pabsent"],
    }

    def test_it_tells_who_has_no_code_who_returned_and_who_is_unpaid(self, client, study):
        response = self.send(client, study, self.FILE)
        assert self.cases(response) == self.EXPECTED
        page = words_of(response)
        assert "Done here, without the code: pay them (2)" in page and "<code>s1</code>" in page
        assert "thirty-one" not in page, "columns of no interest are skipped"
        entry = AuditEntry.objects.get(action="participants.compare")
        assert entry.after == {"batch": study.batch.pk, "participants": 9}

    @pytest.mark.parametrize("form", ["shuffled", "semicolons", "utf-16", "old names", "crlf"])
    def test_it_reads_the_file_as_prolific_and_spreadsheets_write_it(self, client, study, form):
        rows = [line.split(",") for line in self.FILE.splitlines()]
        text: str | bytes = self.FILE
        if form == "shuffled":
            text = "\n".join(",".join(cell for cell in (*row[::-1], "")) for row in rows).replace("Status", "STATUS ")
        elif form == "semicolons":
            text = "\ufeff" + self.FILE.replace(",", ";") + ";;;\n\n"
        elif form == "utf-16":
            text = self.FILE.replace(",", "\t").encode("utf-16")
        elif form == "old names":
            names = "session_id,participant_id,status,x,entered_code,age"
            text = "\n".join([names, *self.FILE.splitlines()[1:]])
        else:
            text = self.FILE.replace("\n", "\r\n")
        assert self.cases(self.send(client, study, text)) == self.EXPECTED

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ("", "empty"),
            ("Participant id\np1\n", "no column “Status”"),
            ("a,b\n1,2\n", "no column “Participant id”"),
            ("Participant id,Status\n", "has no submissions below"),
            ("Participant id,Status\np1,APPROVED,x,y\n", "line 2: the line has more cells"),
            ("Participant id,Status\n,APPROVED\n", "line 2: the participant’s ID is missing"),
            ("Participant id,participant_id,Status\np1,p1,APPROVED\n", "two columns for the same"),
            ("Participant id,Status\np1,\x07\n", "control characters"),
            ('Participant id,Status\n"p1,APPROVED\n', "Export the file again"),
            (b"PK\x03\x04\xff\xfe\x00\x81", "is no text file"),
        ],
        ids=str,
    )
    def test_other_files_are_refused_with_a_way_out(self, client, study, content, words):
        response = self.send(client, study, content)
        assert response.status_code == 422 and words in words_of(response)

    def test_batches_of_other_studies_are_no_choice(self, client, study):
        other = SmallStudy()
        body = {"batch": other.batch.pk, "file": SimpleUploadedFile("prolific.csv", self.FILE.encode())}
        assert client.post(f"/setup/recruitment/{study.dataset.name}/", body).status_code == 422
