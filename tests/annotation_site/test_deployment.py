"""docker-compose.yml, Dockerfile, .env.example, documents and settings agree; lock files name no place."""

import re
import tomllib
from typing import Any

import pytest
import yaml

from launcher.addresses import marketplace_origin
from launcher.places import ROOT
from tests.required import require

READ_BY_CALL = re.compile(r"""env_(?:str|bool|int|list|origin|choice)\(\s*"([A-Z_]+)\"""")
READ_DIRECTLY = re.compile(r"""os\.environ(?:\.get\(|\[)"([A-Z_]+)"[\])]""")
ONLY_COMPOSE = {"POSTGRES_PASSWORD", "IMPORT_FOLDER", "MARKETPLACE_CONTACT"}
ONLY_COMPOSE |= {"MARKETPLACE_SECRET_KEY", "MARKETPLACE_SECRET_KEY_FALLBACKS"}
PACE_OF_MARKETPLACE = {
    "MARKETPLACE_CALLS_PER_KEY",
    "MARKETPLACE_CALLS_PER_NETWORK",
    "MARKETPLACE_WRONG_SIGNATURES_PER_NETWORK",
}
ONLY_COMPOSE |= PACE_OF_MARKETPLACE
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def variables_read() -> set[str]:
    settings = "".join(path.read_text() for path in sorted((ROOT / "annotation_site").glob("*.py")))
    places = (ROOT / "launcher/places.py").read_text()
    return set(READ_BY_CALL.findall(settings)) | set(READ_DIRECTLY.findall(settings + places))


def example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def compose() -> dict:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_the_settings_read_what_this_file_thinks_they_read():
    assert {"STATE_DIR", "SECRET_KEY", "DATABASE_URL", "WORKER_ORIGIN", "DEBUG"} <= variables_read()


def test_the_example_lists_every_variable_and_no_other():
    assert set(example()) - ONLY_COMPOSE == variables_read()


def test_the_page_of_settings_lists_every_variable_and_no_other():
    page = (ROOT / "docs/settings.md").read_text()
    rows = page.split("\n| variable | default | meaning |\n")[1].split("\n\n")[0].splitlines()
    listed = [name for row in rows for name in re.findall(r"`([A-Z_]+)`", row.split("|")[1])]
    assert sorted(listed) == sorted(variables_read() | {"MARKETPLACE_CONTACT"})


def test_compose_sets_every_variable_and_no_other():
    for service in ("web", "worker", "predictor", "setup", "beat"):
        # The port inside the container is fixed; PORT is the one on the host.
        assert set(compose()["services"][service]["environment"]) == variables_read() - {"PORT"}


def test_compose_asks_for_nothing_that_the_example_does_not_offer():
    asked = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    assert asked <= set(example())
    assert {"SECRET_KEY", "POSTGRES_PASSWORD", "PORT"} <= asked


def test_compose_and_the_example_agree_on_defaults():
    defaults = dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", (ROOT / "docker-compose.yml").read_text()))
    assert defaults == {name: value for name, value in example().items() if name in defaults}


def test_the_examples_defaults_are_the_settings_defaults():
    source = (ROOT / "annotation_site/settings.py").read_text()
    offered = example()
    assert f'env_int("PORT", {offered["PORT"]}' in source
    assert offered["WORKER_ORIGIN"] == f"http://localhost:{offered['PORT']}"
    assert offered["STAFF_ORIGIN"] == f"http://127.0.0.1:{offered['PORT']}"
    assert 'env_origin("MARKETPLACE_ORIGIN", marketplace_origin(PORT))' in source
    assert offered["MARKETPLACE_ORIGIN"] == marketplace_origin(int(offered["PORT"]))


def test_secrets_have_no_default_anywhere():
    assert example()["SECRET_KEY"] == example()["POSTGRES_PASSWORD"] == ""
    text = (ROOT / "docker-compose.yml").read_text()
    assert not re.search(r"\$\{(SECRET_KEY|POSTGRES_PASSWORD):-", text)


def test_compose_has_seven_services_and_a_marketplace_if_asked_and_opens_ports_on_this_machine_only():
    services = compose()["services"]
    always = {"db", "redis", "web", "worker", "predictor", "setup", "beat"}
    assert set(services) == always | {"marketplace"}
    assert {name for name, service in services.items() if "profiles" not in service} == always
    assert services["marketplace"]["profiles"] == ["marketplace"]
    opened = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert set(opened) == {"web", "marketplace"}
    assert all(port.startswith("127.0.0.1:") for ports in opened.values() for port in ports)


def test_the_marketplace_of_compose_is_given_what_its_settings_read_and_stands_on_a_database_of_its_own():
    service = compose()["services"]["marketplace"]
    source = (ROOT / "marketplace/settings.py").read_text()
    read = set(re.findall(r"""env(?:_bool|_int)?\("([A-Z_]+)\"""", source)) | {"STATE_DIR"}
    assert set(service["environment"]) == read - {"MARKETPLACE_FAULTS", "MARKETPLACE_FRAME_ORIGINS"}
    assert read >= PACE_OF_MARKETPLACE
    defaults = dict(re.findall(r"""env_int\("([A-Z_]+)", ([\d_]+)\)""", source))
    assert {name: int(value) for name, value in defaults.items()} == {
        name: int(example()[name]) for name in PACE_OF_MARKETPLACE
    }
    assert service["environment"]["MARKETPLACE_DATABASE_URL"].endswith("/marketplace")
    assert service["build"] == "." and set(service["depends_on"]) == {"db"}


def test_site_services_share_one_image_and_wait_for_both_servers():
    services = compose()["services"]
    for name in ("web", "worker", "predictor", "setup", "beat"):
        assert services[name]["build"] == "."
        assert set(services[name]["depends_on"]) == {"db", "redis"}
    assert all("healthcheck" in services[name] for name in ("db", "redis"))


def test_the_image_installs_by_hash_and_does_not_run_as_root():
    text = (ROOT / "Dockerfile").read_text()
    assert "--require-hashes -r requirements/run.txt" in text
    assert re.findall(r"^USER (\w+)$", text, re.MULTILINE) == ["app"]
    assert text.index("USER app") > text.index("RUN pip install")


def test_compose_and_dockerfile_start_the_web_server_the_same_way():
    words = re.search(r"^CMD \[(.*?)\]$", (ROOT / "Dockerfile").read_text(), re.MULTILINE | re.DOTALL)
    image = re.findall(r'"([^"]+)"', require(words).group(1))
    assert " ".join(image) in " ".join(compose()["services"]["web"]["command"][2].split())


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_a_lock_file_pins_with_hashes_and_names_no_place(lock):
    text = lock.read_text()
    pins = [line for line in text.splitlines() if not line.startswith(" ")]
    assert pins and all(re.match(r"[a-z0-9-]+==[^ ]+ (; .* )?\\$", line) for line in pins), pins
    assert all(
        re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in text.splitlines() if line[0] == " "
    )
    assert "://" not in text and "index" not in text


def test_every_requirement_says_why_it_is_there_and_is_locked():
    for wish in (ROOT / "requirements").glob("*.in"):
        locked = wish.with_suffix(".txt").read_text()
        for line in wish.read_text().splitlines():
            if line.startswith(("#", "-c")):
                continue
            name, _, reason = line.partition("#")
            assert len(reason.split()) >= 3, line
            assert f"\n{re.split(r'[><=[ ]', name)[0].lower()}==" in f"\n{locked}", line


def test_sets_that_are_installed_together_agree_on_versions():
    # These stand in environments of their own, alone.
    together = [lock for lock in LOCKS if lock.stem not in ("newest_django", "audit", "crowd_kit")]
    pins = [re.findall(r"^(\S+)==(\S+)( ;.*?)? \\$", lock.read_text(), re.MULTILINE) for lock in together]
    versions: dict[Any, Any] = {}
    for name, version, marker in (pin for lock in pins for pin in lock):
        versions.setdefault((name, marker), set()).add(version)
    assert {key: packages for key, packages in versions.items() if len(packages) > 1} == {}


def test_warnings_are_errors():
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert options["filterwarnings"][0] == "error"
