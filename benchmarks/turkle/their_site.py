"""Turkle with an environment, a project and a server of its own, as its documentation has a site for many people:
DEBUG off, Postgres with connections that are kept, sessions in the database."""

import importlib.metadata
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TURKLE = "turkle==3.1.*"
# The server and the driver are those of our own environment, so that neither side has better ones.
SHARED = ("gunicorn", "psycopg2-binary")
SETTINGS = """
SECRET_KEY = {secret!r}
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "turkle_project.urls"
DATABASES = {{"default": {{"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": 60, **{database!r}}}}}
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages",
    "django.contrib.staticfiles", "turkle", "django.contrib.admin", "rest_framework", "rest_framework.authtoken",
    "turkle.api", "guardian", "djaa_list_filter2",
]
MIDDLEWARE = [
    "django.middleware.common.CommonMiddleware", "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware", "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend", "guardian.backends.ObjectPermissionBackend"
]
processors = ["auth.context_processors.auth", "messages.context_processors.messages"]
TEMPLATES = [{{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "OPTIONS": {{"context_processors": [
        "django.template.context_processors.request", "turkle.utils.turkle_vars",
        *["django.contrib." + name for name in processors],
    ]}},
}}]
X_FRAME_OPTIONS = "SAMEORIGIN"
STATIC_URL = "/static/"
LOGIN_URL, LOGIN_REDIRECT_URL, LOGOUT_REDIRECT_URL = "login", "index", "index"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = True
META_TAGS = []
TURKLE_SITE_NAME, TURKLE_TEMPLATE_LIMIT, TURKLE_EMAIL_ENABLED = "Turkle", 64, False
TURKLE_AUTO_ACCEPT_DEFAULT = True
"""
URLS = """
from django.urls import include, path
from django.contrib import admin

urlpatterns = [
    path("admin/", admin.site.urls), path("", include("django.contrib.auth.urls")), path("", include("turkle.urls")),
]
"""
WSGI = """
from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
"""


class TheirSite:
    """Turkle in a folder: `python` of its environment, `project` of its settings."""

    def __init__(self, folder: Path, database: dict[str, str]) -> None:
        self.python, self.project = folder / "environment" / "bin" / "python", folder / "project"
        self.environment = {"PYTHONPATH": str(self.project), "DJANGO_SETTINGS_MODULE": "turkle_project.settings"}
        self.database = database

    def install(self, uv: Path) -> str:
        """Make the environment, unless it is there from an earlier run; returns what is in it."""
        if not self.python.exists():
            folder = self.python.parents[1]
            subprocess.run([str(uv), "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
        shared = [f"{name}=={importlib.metadata.version(name)}" for name in SHARED]
        install = [str(uv), "pip", "install", "--quiet", "--python", str(self.python)]
        subprocess.run([*install, TURKLE, *shared], check=True)
        words = [str(uv), "pip", "list", "--quiet", "--format", "json", "--python", str(self.python)]
        listed = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
        versions = {package["name"].lower(): package["version"] for package in listed}
        return ", ".join(f"{name} {versions[name]}" for name in ("turkle", "django", *SHARED))

    def write_project(self) -> None:
        package = self.project / "turkle_project"
        package.mkdir(parents=True, exist_ok=True)
        settings = SETTINGS.format(secret=secrets.token_urlsafe(50), database=self.database)
        for name, content in (("__init__", ""), ("settings", settings), ("urls", URLS), ("wsgi", WSGI)):
            (package / f"{name}.py").write_text(content)

    def fill(self, requested: dict) -> dict:
        """Make the tables and the study; returns what the clients have to know."""
        self.run(["-m", "django", "migrate", "--verbosity", "0"])
        filled = json.loads(self.run([str(HERE / "their_study.py")], json.dumps(requested)))
        return filled | {"clients": requested["clients"], "password": requested["password"]}

    def run(self, words: list[str], text: str = "") -> str:
        environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"} | self.environment
        done = subprocess.run(
            [self.python, *words], input=text, stdout=subprocess.PIPE, text=True, check=True, env=environment
        )
        return done.stdout
