"""Access to the researcher's pages, and limits on the bodies of their requests.

Every view names the permission that it needs, and finds the study of its address before anything else happens.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from inspect import unwrap
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from access.memberships.reads import owners_of
from access.permissions.reads import (
    OF_THE_SITE,
    May,
    permissions_in,
    permissions_on_site,
    role_in,
    role_names,
    roles_with,
    studies_with,
)
from accounts.reads import must_set_up_second_factor
from catalog.models import Dataset
from catalog.reads import UnknownDataset, dataset_named

View = Callable[..., HttpResponseBase]
Subject = Callable[..., Dataset]
# A permission, or the permission that the arguments of an address ask for.
Permission = May | Callable[..., May]
# Undecorated views: whom each lets in, and those whose POST may be larger than other requests, with their limits.
_guards: "dict[View, Guard]" = {}
_body_limits: dict[View, Callable[[], int]] = {}
MOST_DATASETS_LISTED = 100


class NoSuchDataset(Http404):
    """An address names a dataset that does not exist for its reader; the page lists the datasets that do."""


class StudyRequest(HttpRequest):
    """A request that a guard has let in. `may` are the permissions of its person, in the study of its address."""

    may: frozenset[May]


class Lacking(Exception):
    """A refusal: the person has a role in the study, but not this permission."""

    def __init__(self, dataset: Dataset, may: May) -> None:
        super().__init__()
        self.dataset, self.may = dataset, may


class NoRole(Exception):
    """A refusal: the account has no role in any study, or does not administer the site."""


class NoSecondFactor(Exception):
    """A refusal: the site requires a second factor, and the account has none."""


@dataclass(frozen=True)
class Guard:
    """The permission that a view needs, in the study that `of` finds for the arguments of its address."""

    may: Permission
    of: Subject | None

    def __post_init__(self) -> None:
        if (self.of is None) != (self.may in OF_THE_SITE):
            raise TypeError("a permission in a study needs `of`, and one of the site has none")

    def check(self, user: Any, arguments: Mapping[str, Any]) -> frozenset[May]:
        """Return the person's permissions.

        Raises NoSecondFactor, NoRole, Lacking, or the Http404 that an unknown subject raises.
        """
        if user.is_authenticated and must_set_up_second_factor(user):
            raise NoSecondFactor
        on_site = permissions_on_site(user)
        if May.LIST_STUDIES not in on_site:
            raise NoRole
        if self.of is None:
            if self.may not in on_site:
                raise PermissionDenied(gettext("Only the site administrator can open this page."))
            return on_site
        dataset = self.of(**arguments)
        permissions = permissions_in(user, dataset)
        if not permissions:
            # As if there were no such study: `of` says so in the same way.
            raise NoSuchDataset(dataset.name) if "name" in arguments else Http404
        needed = self.may if isinstance(self.may, May) else self.may(**arguments)
        if needed not in permissions:
            raise Lacking(dataset, needed)
        return permissions | on_site


def staff_page(*methods: str, may: Permission, of: Subject | None = None) -> Callable[[View], View]:
    """Serve a view to people with a permission, by these methods (HEAD with GET), and let nobody cache its answers.

    A visitor is led to the sign-in. Whatever the method, and before anything is read or written for the request: an
    account that lacks a required second factor is led to set it up, one without any role gets a page that says so, a
    study without a role is answered as one that does not exist, and a role without the permission gets a page that
    names who has it.
    """
    allowed = [*methods, "HEAD"] if "GET" in methods else [*methods]
    guard = Guard(may, of)

    def decorate(view: View) -> View:
        answer = require_http_methods(allowed)(view)
        _guards[unwrap(view)] = guard

        @never_cache
        @login_required
        @wraps(view)
        def page(request: HttpRequest, **arguments: Any) -> HttpResponseBase:
            try:
                _let_in(request, guard, arguments)
                return answer(request, **arguments)
            except NoSuchDataset as error:
                return _unknown_dataset(request, str(error))
            except Lacking as refusal:
                return _lacking(request, refusal)
            except NoRole:
                return render(request, "dashboard/no_role.html", status=403)
            except NoSecondFactor:
                return redirect("account")

        return page

    return decorate


def staff_file(*, may: Permission, of: Subject) -> Callable[[View], View]:
    """Serve a picture to people with a permission. No page stands in its place: refusals are 403 and 404 alone."""
    guard = Guard(may, of)

    def decorate(view: View) -> View:
        answer = require_http_methods(["GET", "HEAD"])(view)
        _guards[unwrap(view)] = guard

        @wraps(view)
        def file(request: HttpRequest, **arguments: Any) -> HttpResponseBase:
            if request.method in ("GET", "HEAD"):
                try:
                    _let_in(request, guard, arguments)
                except (NoRole, Lacking, NoSecondFactor):
                    words = gettext(
                        "Only people whose role in this study allows it can open this address. Sign in first."
                    )
                    raise PermissionDenied(words) from None
            return answer(request, **arguments)

        return file

    return decorate


def _let_in(request: HttpRequest, guard: Guard, arguments: Mapping[str, Any]) -> None:
    request.may = guard.check(request.user, arguments)  # type: ignore[attr-defined]  # only StudyRequest has it


def _unknown_dataset(request: HttpRequest, name: str) -> HttpResponse:
    datasets = studies_with(request.user, May.SEE_STUDY).order_by("name")
    context = {
        "name": name,
        "datasets": datasets[:MOST_DATASETS_LISTED],
        "n_more": max(0, datasets.count() - MOST_DATASETS_LISTED),
        "may_create": May.ADMINISTER in permissions_on_site(request.user),
    }
    return render(request, "dashboard/unknown_dataset.html", context, status=404)


def _lacking(request: HttpRequest, refusal: Lacking) -> HttpResponse:
    role = role_in(request.user, refusal.dataset)
    context = {
        "dataset": refusal.dataset,
        "role": role and role.label,
        "roles": role_names(roles_with(refusal.may)),
        "owners": owners_of(refusal.dataset),
    }
    return render(request, "dashboard/lacking.html", context, status=403)


def researcher(request: HttpRequest) -> User:
    """Return the signed-in researcher."""
    assert isinstance(request.user, User), "`staff_page` lets nobody else in"
    return request.user


def permissions(request: HttpRequest) -> frozenset[May]:
    """Return what the reader of a page may do, in the study of its address and on the site."""
    held: frozenset[May] = request.may  # type: ignore[attr-defined]  # only StudyRequest has it
    return held


def dataset_or_404(name: str, **rest: Any) -> Dataset:
    """Return the dataset that an address names. Raises NoSuchDataset, which `staff_page` answers."""
    try:
        return dataset_named(name)
    except UnknownDataset:
        raise NoSuchDataset(name) from None


def takes_bodies_up_to(n_bytes: Callable[[], int]) -> Callable[[View], View]:
    """Let a view's POST be larger than other requests, for people whom the view lets in (middleware.limit_body).

    `n_bytes` is called at each request, as settings may change in tests.
    """

    def register(view: View) -> View:
        _body_limits[unwrap(view)] = n_bytes
        return view

    return register


def most_bytes_of(request: HttpRequest) -> int:
    """Return the limit of the view behind an address; 0 where it has none of its own, or does not let the person in."""
    try:
        match = resolve(request.path_info, getattr(request, "urlconf", None))
    except Resolver404:
        return 0
    view = unwrap(match.func)
    if view not in _body_limits:
        return 0
    try:
        _guards[view].check(request.user, match.kwargs)
    except (NoRole, Lacking, NoSecondFactor, Http404, PermissionDenied):
        return 0
    return _body_limits[view]()
