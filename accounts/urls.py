"""Addresses for signing in, and of the account. allauth knows the second step as `mfa_authenticate`."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts import views
from accounts.single_sign_on import views as single_sign_on

urlpatterns = [
    path("login/", views.sign_in, name="login"),
    path("login/code/", views.second_step, name="mfa_authenticate"),
    path("login/sso/", single_sign_on.start, name="single-sign-on"),
    path("login/sso/callback/", single_sign_on.callback, name="single-sign-on-callback"),
    path("logout/", LogoutView.as_view(next_page="login"), name="logout"),
    path("confirm/", views.confirm, name="confirm"),
    path("account/", views.account, name="account"),
    path("account/password/", views.password, name="password"),
    path("account/authenticator/", views.authenticator, name="authenticator"),
    path("account/passkey/", views.passkey, name="passkey"),
    path("account/factors/<int:pk>/remove/", views.remove_factor, name="remove-factor"),
    path("account/recovery-codes/", views.recovery_codes, name="recovery-codes"),
]
