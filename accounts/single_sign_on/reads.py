"""The provider in the settings."""

from typing import Any

from django.conf import settings


def provider_in_settings() -> dict[str, Any]:
    """Return the provider's record in allauth's settings, or an empty one without a provider."""
    records = [record for provider in settings.SOCIALACCOUNT_PROVIDERS.values() for record in provider["APPS"]]
    return records[0] if records else {}


def provider_id() -> str:
    return str(provider_in_settings()["provider_id"])


def name_of_provider() -> str:
    """Return the provider's name on the button, or nothing without a provider."""
    return str(provider_in_settings().get("name", ""))
