"""Pages of the tokens of a study, and of all tokens."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext

from access.permissions.reads import OF_A_STUDY, May
from accounts.pages import confirmed
from api.actions import TokenNameTaken, create_token, revoke_token
from api.models import ApiToken
from api.reads import all_tokens, tokens_of, with_powers
from catalog.reads import now
from dashboard.pages import dataset_or_404, permissions, researcher, staff_page
from dashboard.subjects import study_of_token
from dashboard.tokens.forms import SiteTokenForm, TokenForm


@staff_page("GET", "POST", may=May.CREATE_TOKENS, of=dataset_or_404)
@confirmed("POST")
def of_study(request: HttpRequest, name: str) -> HttpResponse:
    """Show the tokens of a study. A POST creates one, whose key is on its answer alone."""
    dataset = dataset_or_404(name)
    may = permissions(request)
    form = TokenForm(_posted(request), may=may)
    key = _create(request, form, dataset=dataset)
    context = {"dataset": dataset, "tab": "tokens", "form": TokenForm(may=may) if key else form, "key": key}
    return _page(request, "dashboard/tokens/study.html", tokens_of(dataset), context)


@staff_page("GET", "POST", may=May.ADMINISTER)
@confirmed("POST")
def of_site(request: HttpRequest) -> HttpResponse:
    """Show all tokens to the site administrator. A POST creates one, for a study or for all."""
    form = SiteTokenForm(_posted(request), may=OF_A_STUDY)
    key = _create(request, form)
    context = {"form": SiteTokenForm(may=OF_A_STUDY) if key else form, "key": key}
    return _page(request, "dashboard/tokens/site.html", all_tokens(), context)


def _posted(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _create(request: HttpRequest, form: TokenForm, **values: Any) -> str:
    """Return the key of the token that a form asks for; nothing without a form, or after a refusal."""
    if not (form.is_bound and form.is_valid()):
        return ""
    try:
        _, key = create_token(**form.values() | values, created_by=researcher(request))
    except TokenNameTaken as error:
        form.add_error("name", error.for_page)
        return ""
    return key


def _page(request: HttpRequest, template: str, tokens: QuerySet[ApiToken], context: dict[str, Any]) -> HttpResponse:
    context |= {"now": now(), "tokens": with_powers(tokens)}
    return render(request, template, context, status=422 if context["form"].errors else 200)


@staff_page("POST", may=May.CREATE_TOKENS, of=study_of_token)
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(ApiToken.objects.select_related("dataset"), pk=pk, dataset__isnull=False)
    _revoke(request, token)
    assert token.dataset is not None
    return redirect("study-tokens", token.dataset.name)


@staff_page("POST", may=May.ADMINISTER)
def revoke_any(request: HttpRequest, pk: int) -> HttpResponse:
    _revoke(request, get_object_or_404(ApiToken, pk=pk))
    return redirect("tokens")


def _revoke(request: HttpRequest, token: ApiToken) -> None:
    revoke_token(token=token, by=researcher(request))
    messages.success(request, gettext("Token “%(name)s” is revoked.") % {"name": token.name})
