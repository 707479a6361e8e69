"""The settings of the contact inboxes: one or more of them, read with passwords or with access tokens."""

import tomllib
from pathlib import Path

import pytest

from mailconsent.errors import ConfigError
from mailconsent.imap_settings import Mark
from mailconsent.oauth_grant import RefreshToken
from mailconsent.settings import Settings, load_settings

VECTORS = tomllib.loads((Path(__file__).parent.parent / "vectors" / "imap_settings.toml").read_text("utf-8"))
ONE = "imaps://a@imap.example.com"
TWO = f"{ONE} imaps://b@imap.example.net/Lists"


def load(**values: str) -> Settings:
    return load_settings({f"MAILCONSENT_{name}": value for name, value in values.items()})


@pytest.mark.parametrize("case", VECTORS["wrong"], ids=lambda case: case["why"])
def test_a_wrong_setting_is_told_in_one_line_that_echoes_nothing(case: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(**case["set"])  # type: ignore[arg-type]

    assert list(refusal.value.faults) == case["faults"], case["why"]


@pytest.mark.parametrize("case", VECTORS["right"], ids=lambda case: case["why"])
def test_each_mailbox_has_its_way_in(case: dict[str, object]) -> None:
    inboxes = load(**case["set"]).inboxes  # type: ignore[arg-type]

    told = [
        [inbox.address.name, inbox.password]
        if not inbox.grant
        else [inbox.address.name, inbox.grant.refresh_token.text if inbox.grant.refresh_token else ""]
        for inbox in inboxes
    ]
    assert told == case["gives"], case["why"]
    grants = {(inbox.grant.endpoint, inbox.grant.scope) for inbox in inboxes if inbox.grant}
    assert grants == {(case["endpoint"], case["scope"])} if "endpoint" in case else not grants


def test_a_file_of_refresh_tokens_is_for_the_worker_to_read(tmp_path: Path) -> None:
    path = tmp_path / "not there yet"

    settings = load(
        IMAP_URL=TWO,
        IMAP_OAUTH_PROVIDER="google",
        IMAP_OAUTH_CLIENT_ID="c",
        IMAP_OAUTH_REFRESH_TOKEN_FILE=str(path),
    )

    held = [inbox.grant.refresh_token for inbox in settings.inboxes if inbox.grant]
    assert held == [RefreshToken(path=path, line=0), RefreshToken(path=path, line=1)]


@pytest.mark.parametrize("case", VECTORS["mark"], ids=lambda case: case["why"])
def test_handled_mail_gets_a_mark_where_that_is_wanted(case: dict[str, object]) -> None:
    mark = load(**case["set"]).mark or Mark()  # type: ignore[arg-type]

    assert [mark.keyword, mark.folder] == case["gives"], case["why"]


def test_what_gets_into_a_log_shows_no_secret() -> None:
    settings = load(
        IMAP_URL=ONE,
        IMAP_OAUTH_PROVIDER="google",
        IMAP_OAUTH_CLIENT_ID="c",
        IMAP_OAUTH_CLIENT_SECRET="hidden-1",
        IMAP_OAUTH_REFRESH_TOKEN="hidden-2",
    )

    assert "hidden" not in repr(settings)
