"""Settings come from the environment, and a wrong one is an error that names it."""

import base64
import re
from pathlib import Path

import msgspec
import pytest

from filrouge.documentation.settings import documented_settings
from filrouge.settings import Settings, SettingsError, variable_of

KEY = base64.b64encode(bytes(range(32))).decode()


def test_nothing_needs_to_be_set() -> None:
    """An empty environment gives the embedded server, the demo ledger and the local address."""
    settings = Settings.load({})
    assert settings.database_url is None
    assert settings.vault_database_url is None
    assert settings.data_dir == Path("var")
    assert settings.key_path == Path("var/keys/epoch.key")
    assert settings.epoch_key_bytes is None
    assert (settings.host, settings.port, settings.ledger) == ("127.0.0.1", 8000, "demo")
    assert (settings.postgres_version, settings.pool_max) == (18, 8)
    assert (settings.batch_events_max, settings.wait_seconds_max) == (2000, 10)
    assert settings.body_bytes_max == 4 * 1024 * 1024


def test_every_setting_can_be_set() -> None:
    """Each variable reaches its field, in the field's type."""
    given = {
        "FILROUGE_DATABASE_URL": "postgresql://u@h/d",
        "FILROUGE_VAULT_DATABASE_URL": "postgres://u@h/vault",
        "FILROUGE_DATA_DIR": "/srv/filrouge",
        "FILROUGE_KEY_FILE": "/etc/filrouge/epoch.key",
        "FILROUGE_POSTGRES_VERSION": "16",
        "FILROUGE_HOST": "0.0.0.0",  # noqa: S104 -- a value, not a listener
        "FILROUGE_PORT": "8080",
        "FILROUGE_LEDGER": "maison_2",
        "FILROUGE_LOG_LEVEL": "debug",
        "FILROUGE_LOG_FORMAT": "json",
        "FILROUGE_POOL_MAX": "20",
        "FILROUGE_BATCH_EVENTS_MAX": "500",
        "FILROUGE_WAIT_SECONDS_MAX": "2.5",
        "FILROUGE_BODY_BYTES_MAX": "65536",
    }
    settings = Settings.load(given)
    for variable, value in given.items():
        assert str(getattr(settings, variable.removeprefix("FILROUGE_").lower())) == value
    assert settings.key_path == Path("/etc/filrouge/epoch.key")
    assert Settings.load({"FILROUGE_EPOCH_KEY": KEY}).epoch_key_bytes == bytes(range(32))


def test_key_file_follows_the_data_folder() -> None:
    """Moving the data folder moves the key file, unless the key file is set."""
    settings = Settings.load({"FILROUGE_DATA_DIR": "/srv/f"})
    assert settings.key_path == Path("/srv/f/keys/epoch.key")


@pytest.mark.parametrize(
    "variable,value",
    [
        ("FILROUGE_PORT", "eighty"),
        ("FILROUGE_PORT", "70000"),
        ("FILROUGE_PORT", "-1"),
        ("FILROUGE_POOL_MAX", "0"),
        ("FILROUGE_POOL_MAX", "1.5"),
        ("FILROUGE_BATCH_EVENTS_MAX", "0"),
        ("FILROUGE_WAIT_SECONDS_MAX", "-1"),
        ("FILROUGE_WAIT_SECONDS_MAX", "nan"),
        ("FILROUGE_BODY_BYTES_MAX", "9" * 30),
        ("FILROUGE_POSTGRES_VERSION", "17"),
        ("FILROUGE_LOG_LEVEL", "loud"),
        ("FILROUGE_LOG_FORMAT", "xml"),
        ("FILROUGE_LEDGER", "Demo"),
        ("FILROUGE_LEDGER", "demo; drop"),
        ("FILROUGE_DATABASE_URL", "mysql://u@h/d"),
        ("FILROUGE_VAULT_DATABASE_URL", "somewhere"),
        ("FILROUGE_EPOCH_KEY", "tooshort"),
        ("FILROUGE_EPOCH_KEY", "not base64 at all!"),
    ],
)
def test_a_wrong_value_is_named(variable: str, value: str) -> None:
    """The error names the variable and says what to do."""
    with pytest.raises(SettingsError, match=f"^{variable}: ") as caught:
        Settings.load({variable: value})
    assert caught.value.variable == variable
    assert re.search(r"\. (Set it to|Make one with)", str(caught.value))


@pytest.mark.parametrize("variable", ["FILROUGE_DATABASE_URL", "FILROUGE_EPOCH_KEY"])
def test_a_wrong_secret_is_not_repeated(variable: str) -> None:
    """What may be a password or a key is not in the message."""
    with pytest.raises(SettingsError) as caught:
        Settings.load({variable: "mysql://u:hunter2@h"})
    assert "hunter2" not in str(caught.value)


def test_an_unknown_variable_is_refused_with_the_nearest_name() -> None:
    """A spelling mistake is not silently ignored."""
    with pytest.raises(SettingsError, match=r"FILROUGE_PROT: .*Did you mean FILROUGE_PORT"):
        Settings.load({"FILROUGE_PROT": "1"})
    with pytest.raises(SettingsError, match=r"FILROUGE_QQQ: .*The settings are: FILROUGE_DATABASE"):
        Settings.load({"FILROUGE_QQQ": ""})


def test_other_variables_and_empty_ones_are_left_alone() -> None:
    """Only `FILROUGE_*` counts; an empty value is as not set; test variables are not settings."""
    env = {"PATH": "/bin", "FILROUGE_PORT": " ", "FILROUGE_TEST_DATABASE_URL": "x"}
    assert Settings.load(env) == Settings()


def test_two_epoch_keys_contradict() -> None:
    """A key and a key file cannot both hold."""
    with pytest.raises(SettingsError, match="FILROUGE_KEY_FILE is set too"):
        Settings.load({"FILROUGE_EPOCH_KEY": KEY, "FILROUGE_KEY_FILE": "k"})


def test_settings_show_no_secret() -> None:
    """The representation can be logged."""
    settings = Settings.load(
        {"FILROUGE_EPOCH_KEY": KEY, "FILROUGE_DATABASE_URL": "postgresql://u:hunter2@h/d"}
    )
    assert KEY not in repr(settings)
    assert "hunter2" not in repr(settings)
    assert "port=8000" in repr(settings)


def test_every_setting_is_documented() -> None:
    """Each field has a description that ends as a sentence, its kind and its default."""
    documented = {doc.variable: doc for doc in documented_settings()}
    assert list(documented) == [variable_of(f.name) for f in msgspec.structs.fields(Settings)]
    assert all(doc.description.endswith(".") for doc in documented.values())
    assert documented["FILROUGE_PORT"].kind == "whole number from 0 to 65535"
    assert documented["FILROUGE_POSTGRES_VERSION"].kind == "16 or 18"
    assert documented["FILROUGE_PORT"].default == "8000"
