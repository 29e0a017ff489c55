"""Links for a researcher's own participants: plain, signed, or with their IDs listed."""

import csv
import io
from urllib.parse import urlsplit

import pytest
from django.core.management.base import CommandError

from classify_task.actions import classify_batch
from tests.commands import said as run
from tests.factories import make_batch, make_dataset, make_grid, staff_client, start, worker_client
from workforce.models import Batch

pytestmark = pytest.mark.django_db


def study(admission: str) -> Batch:
    batch = make_batch(make_dataset(), admission=admission)
    make_grid(batch=batch, n_slots=5)
    return batch


def links_in(text: str) -> dict[str, str]:
    return {row["id"]: row["link"] for row in csv.DictReader(io.StringIO(text))}


@pytest.mark.parametrize("admission", ["anyone", "listed", "signed"])
def test_each_participant_gets_a_link_that_works_and_nobody_else(admission, tmp_path, settings):
    batch = study(admission)
    file = tmp_path / "ids.txt"
    file.write_text("\ufeffid\n\np01\r\n p02 \np01\n")
    out, err = run("links", str(batch.pk), "--ids", str(file))
    links = links_in(out)
    assert ([*links], err) == (["p01", "p02"], "")
    for link in links.values():
        assert link.startswith(f"{settings.WORKER_ORIGIN}/join/{batch.public_id}?worker=p0")
        assert start(batch, urlsplit(link).query).status_code == 303
    assert start(batch, "worker=p03").status_code == (303 if admission == "anyone" else 403)


def test_a_warning_names_ids_alike_in_all_but_case_and_merges_nobody(tmp_path):
    file = tmp_path / "ids.txt"
    file.write_text("anna\nAnna\njose\u0301\njos\u00e9\n")
    out, err = run("links", str(study("anyone").pk), "--ids", str(file))
    assert len(links_in(out)) == 4
    assert "Anna, anna" in err and "count as different people" in err
    assert err.count("differ only") == 2


@pytest.mark.parametrize("text", ["", "\n \n", "id\n", "p01\nundefined\n", "{{%PROLIFIC_PID%}}", "a\x00b", "x" * 201])
def test_a_list_with_a_fault_makes_no_link(text, tmp_path):
    batch = study("listed")
    file = tmp_path / "ids.txt"
    file.write_text(text)
    with pytest.raises(CommandError):
        run("links", str(batch.pk), "--ids", str(file))
    assert not batch.listed_ids.exists()


def test_a_file_that_is_no_text_and_a_batch_without_link_are_explained(tmp_path):
    file = tmp_path / "ids.txt"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CommandError, match="cannot be read"):
        run("links", str(study("anyone").pk), "--ids", str(file))
    file.write_text("p01")
    with pytest.raises(CommandError, match="has no study link"):
        run("links", str(make_batch(marketplace="replay").pk), "--ids", str(file))


def test_a_cell_is_no_formula(tmp_path):
    file = tmp_path / "ids.txt"
    file.write_text("=1+1")
    out, _ = run("links", str(study("anyone").pk), "--ids", str(file))
    assert out.splitlines()[1].startswith("'=1+1,")


@pytest.mark.parametrize(
    ("admission", "words"),
    [("anyone", "under any ID"), ("listed", "on its list, so far 0 IDs"), ("signed", "nobody can answer")],
)
def test_the_page_makes_the_links(admission, words):
    batch = study(admission)
    client, address = staff_client(), f"/setup/links/{batch.pk}/"
    assert words in client.get(address).content.decode()
    page = client.post(address, {"ids": "p01\nP01"})
    assert page.status_code == 200
    assert f"/join/{batch.public_id}?worker=p01" in page.content.decode()
    assert "count as different people" in page.content.decode()
    assert batch.listed_ids.count() == (2 if admission == "listed" else 0)
    refused = client.post(address, {"ids": "p03\nNaN"})
    assert refused.status_code == 422
    assert "line 2" in refused.content.decode()


def test_a_batch_without_a_study_link_has_no_such_page():
    assert staff_client().get(f"/setup/links/{make_batch(marketplace='replay').pk}/").status_code == 404


def test_the_command_opens_a_batch_that_admits_only_some(tmp_path):
    dataset = make_dataset(name="admitting")
    run("open", "classify", "--dataset", "admitting", "--admit", "signed", "--networks", "own")
    batch = Batch.objects.get(dataset=dataset)
    assert (batch.admission, batch.networks) == ("signed", "own")
    with pytest.raises(CommandError, match="other completion settings"):
        run("open", "classify", "--dataset", "admitting", "--admit", "listed")


def test_forms_that_follow_from_grids_admit_the_same_people():
    batch = study("listed")
    staff_client().post(f"/setup/links/{batch.pk}/", {"ids": "p01"})
    following = classify_batch(dataset=batch.dataset)
    assert (following.kind, following.admission) == ("classify", "listed")
    assert worker_client().get(f"/join/{following.public_id}?worker=p01").status_code == 200
    assert worker_client().get(f"/join/{following.public_id}?worker=p02").status_code == 403
