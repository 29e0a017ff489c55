"""The keys that sign: a part of the settings, from the environment alone."""

from django.core.exceptions import ImproperlyConfigured

from annotation_site.environment import env_list, env_str
from launcher.places import state_dir
from launcher.secrets import SITE_KEY, read_secret

SHORTEST_KEY = 50


def secret_key() -> str:
    """Return SECRET_KEY, or the key that the start of the embedded database stored; blank before the first start."""
    key = env_str("SECRET_KEY")
    if not key and not env_str("DATABASE_URL"):
        return read_secret(state_dir() / SITE_KEY)
    return checked_key("SECRET_KEY is missing or weak: with DATABASE_URL set it must be", key)


def earlier_keys() -> list[str]:
    """Return the keys that SECRET_KEY replaced: what they signed stays valid, and they sign nothing new."""
    names = "A key of SECRET_KEY_FALLBACKS is weak or cut off (keys stand between commas): each must be"
    return [checked_key(names, key) for key in env_list("SECRET_KEY_FALLBACKS")]


def checked_key(begin: str, key: str) -> str:
    if len(key) < SHORTEST_KEY or len(set(key)) < 5 or key.startswith("django-insecure-"):
        raise ImproperlyConfigured(
            f"{begin} at least {SHORTEST_KEY} random characters. Make one with: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(50))'"
        )
    return key
