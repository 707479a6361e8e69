"""The settings: where they come from, and that wrong ones are told all at once without echoing them."""

import base64
import tomllib
from pathlib import Path

import pytest

from mailconsent.errors import ConfigError
from mailconsent.settings import NAMES, load_settings

VECTORS = tomllib.loads((Path(__file__).parent.parent / "vectors" / "settings.toml").read_text("utf-8"))
#: Files that are read again while we run.
KEPT_IN_FILES = ("DIGEST_KEYS", "SIGNING_KEYS", "IMAP_OAUTH_REFRESH_TOKEN")
KEY = base64.b64encode(b"k" * 32).decode()
OTHER_KEY = base64.b64encode(b"o" * 64).decode()


def load(**values):
    return load_settings({f"MAILCONSENT_{name}": value for name, value in values.items()})


def faults(**values):
    with pytest.raises(ConfigError) as refusal:
        load(**values)
    return list(refusal.value.faults)


def test_nothing_needs_to_be_set():
    settings = load_settings({})

    assert settings.database_url == "sqlite:///var/mailconsent.db"
    assert settings.policy_path == Path("policy.toml")
    assert settings.base_url == "http://127.0.0.1:8080"
    assert (settings.inboxes, settings.mailto) == ((), "")
    assert [source.path for source in (settings.digest_keys, settings.signing_keys)] == [
        Path("var/digest.keys"),
        Path("var/signing.keys"),
    ]


def test_what_is_not_ours_is_left_alone():
    assert load_settings({"PATH": "/bin", "MAILCONSENTX": "1", "OTHER_MAILCONSENT_X": "1"}) is not None


@pytest.mark.parametrize("case", VECTORS["wrong"], ids=lambda case: case["why"])
def test_a_wrong_setting_is_told_in_one_line_that_echoes_nothing(case):
    told = faults(**case["set"])

    assert told == case["faults"], case["why"]


@pytest.mark.parametrize("case", VECTORS["right"], ids=lambda case: case["why"])
def test_a_setting_that_can_be_used_is_taken(case):
    settings = load(**case["set"])

    for name, expected in case["gives"].items():
        assert _plain(getattr(settings, name)) == expected, case["why"]


def _plain(value):
    if isinstance(value, frozenset):
        return sorted(value)
    return str(value) if isinstance(value, Path | None) else value


def test_all_faults_come_at_once_in_one_order():
    told = faults(BASE_URL="x", MAILTO="x", IMAP_CYCLE="x", DIGEST_KEYS="x", PSSWORD="x")

    assert [line.partition(":")[0] for line in told] == [
        "MAILCONSENT_PSSWORD",
        "BASE_URL",
        "MAILTO",
        "IMAP_CYCLE",
        "DIGEST_KEYS",
    ]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in KEPT_IN_FILES])
def test_every_setting_may_stand_in_a_file(tmp_path, name):
    values = {"IMAP_URL": "imaps://u@imap.example.com", "IMAP_PASSWORD": "pw", "BASE_URL": "https://example.com"}
    values |= {"SMTP_URL": "smtps://u@smtp.example.com", "SMTP_PASSWORD": "pw", "SMTP_SENDER": "u@example.com"}
    values |= {"IMAP_CYCLE": "5", "IMAP_LEASE": "5", "IMAP_TIMEOUT": "5"}
    values |= {"MAILTO": "u@example.com", "RETURN_PATH": "b@example.com"}
    if name.startswith("IMAP_OAUTH_"):
        del values["IMAP_PASSWORD"]
        values |= {"IMAP_OAUTH_PROVIDER": "microsoft", "IMAP_OAUTH_CLIENT_ID": "c", "IMAP_OAUTH_CLIENT_SECRET": "s"}
        values |= {"IMAP_OAUTH_TENANT": "example.com"}
    plain = values | {name: values.get(name, "a")}
    path = tmp_path / "value"
    path.write_text(plain[name] + "\n")
    filed = {key: value for key, value in plain.items() if key != name} | {f"{name}_FILE": str(path)}

    one, other = load(**plain), load(**filed)

    keys = ("digest_keys", "signing_keys")
    assert all(getattr(one, field) == getattr(other, field) for field in one.__slots__ if field not in keys)


def test_a_file_that_cannot_be_read_is_told_by_the_name_of_its_setting(tmp_path):
    assert faults(DATABASE_URL_FILE=str(tmp_path / "none")) == ["DATABASE_URL_FILE: the file cannot be read"]
    assert faults(MAILTO_FILE=str(tmp_path)) == ["MAILTO_FILE: the file cannot be read"]


def test_what_is_set_twice_is_a_fault(tmp_path):
    path = tmp_path / "value"
    path.write_text("u@example.com")

    assert faults(MAILTO="u@example.com", MAILTO_FILE=str(path)) == ["MAILTO: set twice, plainly and as a file"]


def test_keys_may_stand_in_the_environment_oldest_first():
    for text in (f"{KEY} {OTHER_KEY}", f"{KEY},{OTHER_KEY}", f"\n{KEY}\n{OTHER_KEY}\n"):
        keyring = load(DIGEST_KEYS=text, SIGNING_KEYS=OTHER_KEY).keyring()

        assert keyring.digester.generations == 2
        assert keyring.source("digest").keys == (b"k" * 32, b"o" * 64)


def test_keys_in_files_are_read_when_they_are_needed(tmp_path):
    settings = load(DIGEST_KEYS_FILE=str(tmp_path / "d"), SIGNING_KEYS_FILE=str(tmp_path / "s"))

    with pytest.raises(ConfigError) as refusal:
        settings.keyring()

    assert list(refusal.value.faults) == [
        "DIGEST_KEYS: the key file cannot be read: run `mailconsent init`",
        "SIGNING_KEYS: the key file cannot be read: run `mailconsent init`",
    ]


@pytest.mark.parametrize(
    ("content", "fault", "why"),
    [
        (b"", "no key: run `mailconsent init`, or set it", "an empty file"),
        (b"\n\n", "no key: run `mailconsent init`, or set it", "blank lines"),
        (b"c2hvcnQ=", "key 1 has 5 bytes, and must have 32 to 64", "too short to be secret"),
        (KEY.encode() + b"\nc2hvcnQ=", "key 2 has 5 bytes, and must have 32 to 64", "the place is told"),
        (base64.b64encode(b"k" * 65), "key 1 has 65 bytes, and must have 32 to 64", "BLAKE2b takes no longer one"),
        (b"correct horse", "key 1 is not base64\nDIGEST_KEYS: key 2 is not base64", "words"),
        (KEY.encode()[:-1], "key 1 is not base64", "cut off"),
        (f"{KEY}\n{KEY}".encode(), "key 2 stands there twice", "a copy is no second key"),
        (b"\xff\xfe", "the key file cannot be read: run `mailconsent init`", "no text at all"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_told_without_its_content(tmp_path, content, fault, why):
    (tmp_path / "d").write_bytes(content)

    with pytest.raises(ConfigError) as refusal:
        load(DIGEST_KEYS_FILE=str(tmp_path / "d"), SIGNING_KEYS=KEY).keyring()

    assert str(refusal.value) == f"DIGEST_KEYS: {fault}", why
    assert KEY not in str(refusal.value)


def test_a_policy_that_cannot_be_read_is_told(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(ConfigError, match="POLICY: the policy file cannot be read"):
            load(POLICY=str(path)).policy()


def test_settings_that_get_into_a_log_show_no_secret():
    settings = load(
        IMAP_URL="imaps://anna%40example.com@imap.example.com",
        IMAP_PASSWORD="hunter2",
        DATABASE_URL="postgresql://me:hunter3@host/name",
        DIGEST_KEYS=KEY,
    )

    assert not [secret for secret in ("anna", "hunter2", "hunter3", KEY) if secret in repr(settings)]
