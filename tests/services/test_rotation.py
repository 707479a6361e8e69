"""
Moving to a new secret key while everything runs, on both databases. At every point of it, each recipient is found under
one row, every link works, and nobody who opted out is mailed.
"""

import shutil
from dataclasses import replace

import pytest
from sqlalchemy import select

from mailconsent.errors import ConfigError, InvalidToken, KeyMissing
from mailconsent.keyring import Keyring, KeySource, append_key, new_key
from mailconsent.model import EventKind, Evidence, Grade, LegalBasis, Reason, ReturnClaim, UnsubscribeClaim
from mailconsent.services.inbox import ingest, judge, piped
from mailconsent.services.installation import start
from mailconsent.services.recipients import unsubscribe, withdraw
from mailconsent.services.rotation import begin_digest_rotation, move_recipients, rotate_signing
from mailconsent.settings import load_settings
from mailconsent.store.generations import BATCH
from mailconsent.store.ledger import append
from mailconsent.store.recipients import lock_address, lock_known_claim
from mailconsent.store.tables import recipients
from mailconsent.tokens import MAX_GENERATION
from tests.cast import ANNA, BO, CECILIA, receipt
from tests.histories import history
from tests.houses import ask, consent, rows, token_for, unfolded

#: More than one batch.
CROWD = [f"anna{number}@example.com" for number in range(BATCH + 60)]
STAYED, LEFT = CROWD[0::2], CROWD[1::2]


def fill(here):
    """Half of the crowd consented to the blog, the other half consented and withdrew."""
    with here.store.begin() as tx:
        for address in CROWD:
            event = receipt().event(EventKind.CONSENT_GIVEN, 1, grade=Grade.B)
            append(tx, lock_address(tx, address), event, Evidence())
        for address in LEFT:
            withdraw(tx, address, receipt())


def said(here, addresses):
    return {decision.reason for decision in ask(here, *addresses)}


def assert_right(*installations):
    for here in installations:
        assert said(here, STAYED) == {Reason.CONSENT}
        assert said(here, LEFT) == {Reason.WITHDRAWN}
        assert said(here, [BO, "nobody@example.org"]) == {Reason.NO_LEGAL_BASIS}


def click(here, token):
    with here.store.begin() as tx:
        return unsubscribe(tx, here.store.keyring.read_token(token), receipt())


def generations(here):
    return {generation for (generation,) in rows(here, "select generation from recipients")}


def row_count(here):
    return len(rows(here, "select id from recipients"))


def under(here, generation):
    """Those who stayed whose rows are under this generation."""
    with here.store.begin() as tx:
        ids = {lock_address(tx, address).id: address for address in STAYED}
        rows = tx.connection.execute(select(recipients.c.id).where(recipients.c.generation == generation))
        return [ids[row.id] for row in rows if row.id in ids]


def move_all(here):
    generation = begin_digest_rotation(here.store)
    assert list(move_recipients(here.store, generation))[-1:] in ([], [row_count(here)])
    return generation


def test_checks_are_right_at_every_point_of_a_rotation(house):
    with house.opened() as here, house.opened() as other:
        fill(here)
        assert_right(here, other)

        generation = begin_digest_rotation(here.store)
        assert_right(here, other)

        steps = []
        for seen in move_recipients(here.store, generation):
            steps.append(seen)
            assert_right(here, other)

        assert_right(here, other)
        assert steps == [BATCH, len(CROWD)]
        assert generations(other) == {2}
        assert unfolded(here) == []
        assert row_count(here) == len(CROWD)


def test_what_was_sold_moves_along(house):
    with house.opened() as here:
        with here.store.begin() as tx:
            for event in history("$ R1"):
                append(tx, lock_address(tx, ANNA), event, Evidence())

        move_all(here)

        assert unfolded(here) == []
        assert len(rows(here, "select * from sales")) == 1


def test_a_link_works_whenever_it_was_made_and_whenever_it_is_used(house):
    with house.opened() as here, house.opened() as other:
        fill(here)
        early = {address: token_for(here, address) for address in STAYED}
        generation = begin_digest_rotation(here.store)
        steps = move_recipients(here.store, generation)
        next(steps)
        half_way = {address: token_for(other, address) for address in STAYED}

        moved, waiting = under(here, 2), under(here, 1)
        for token, (first, second) in ((early, (0, 1)), (half_way, (2, 3))):
            for crowd in (moved, waiting):
                assert not click(here, token[crowd[first]]).repeated
                assert not click(other, token[crowd[second]]).repeated
        clicked = moved[:4] + waiting[:4]
        assert said(here, clicked) == said(other, clicked) == {Reason.WITHDRAWN}
        list(steps)
        late = {address: token_for(here, address) for address in STAYED if address not in clicked}
        rest = [*late]
        for place, tokens in enumerate((early, half_way, late)):
            assert not click(here, tokens[rest[place]]).repeated

        assert said(here, clicked + rest[:3]) == {Reason.WITHDRAWN}
        assert said(here, rest[3:]) == {Reason.CONSENT}
        assert unfolded(here) == []
        assert row_count(here) == len(CROWD), "no link made a second row for one person"


def test_who_comes_or_goes_by_address_half_way_is_found_under_either_generation(house):
    with house.opened() as here:
        fill(here)
        generation = begin_digest_rotation(here.store)
        steps = move_recipients(here.store, generation)
        next(steps)

        with here.store.begin() as tx:
            for address in STAYED:
                assert not withdraw(tx, address, receipt()).repeated
        consent(here, BO)
        bo = token_for(here, BO)
        list(steps)

        assert said(here, CROWD) == {Reason.WITHDRAWN}
        assert said(here, [BO]) == {Reason.CONSENT}
        assert not click(here, bo).repeated
        assert said(here, [BO]) == {Reason.WITHDRAWN}
        assert unfolded(here) == []
        assert row_count(here) == len(CROWD) + 1


def test_a_link_under_a_key_that_rows_have_not_reached_waits_instead_of_making_a_second_row(house):
    # None is handed out; one could come back with a backup of the database from the midst of a rotation.
    with house.opened() as here:
        consent(here, ANNA)
        begin_digest_rotation(here.store)
        with here.store.read() as tx:
            claim = UnsubscribeClaim(
                digest=tx.digester.digest(ANNA, 2), generation=2, topic=1, basis=LegalBasis.CONSENT
            )

        with here.store.begin() as tx, pytest.raises(KeyMissing):
            unsubscribe(tx, claim, receipt())

        list(move_recipients(here.store, 2))
        with here.store.begin() as tx:
            assert not unsubscribe(tx, claim, receipt()).repeated
        assert (said(here, [ANNA]), row_count(here)) == ({Reason.WITHDRAWN}, 1)


def test_a_return_path_under_a_key_that_rows_have_not_reached_waits_instead_of_being_nobody_s(house):
    with house.opened() as here:
        consent(here, ANNA)
        begin_digest_rotation(here.store)
        with here.store.read() as tx:
            claim = ReturnClaim(digest=tx.digester.digest(ANNA, 2), generation=2, sent_on=receipt().received_at.date())

        with here.store.begin() as tx, pytest.raises(KeyMissing):
            lock_known_claim(tx, claim)

        list(move_recipients(here.store, 2))
        with here.store.begin() as tx:
            assert lock_known_claim(tx, claim)
            assert lock_known_claim(tx, replace(claim, digest=tx.digester.digest(BO, 2))) is None
        assert row_count(here) == 1


def test_three_generations_of_links_and_digests_work_together(house):
    people = (ANNA, BO, CECILIA)
    with house.opened() as here, house.opened() as other:
        consent(here, *people)
        tokens = []
        for turn in range(3):
            tokens.append([token_for(here, address) for address in people])
            if turn < 2:
                assert rotate_signing(here.store) == turn + 2
                assert move_all(here) == turn + 2

        claims = [here.store.keyring.read_token(token[0]) for token in tokens]
        assert [claim.generation for claim in claims] == [1, 2, 3]
        assert len({text for row in tokens for text in row}) == 9
        for person in range(3):
            assert not click(other, tokens[person][person]).repeated
        for row in tokens:
            assert all(click(here, token).repeated for token in row)
        assert said(here, people) == said(other, people) == {Reason.WITHDRAWN}
        assert (unfolded(here), row_count(here)) == ([], 3)


def test_the_wider_digests_move_along(house):
    with house.opened() as here:
        consent(here, "anna+news@example.com")
        with here.store.begin() as tx:
            claim = UnsubscribeClaim(digest=tx.digester.digest(BO, 1), generation=1, topic=1, basis=LegalBasis.CONSENT)
            unsubscribe(tx, claim, receipt())  # one of whom only the link is known

        move_all(here)

        with here.store.read() as tx:
            found = {bytes(row.digest): row for row in tx.connection.execute(recipients.select())}
            anna, bo = (tx.digester.digest(address, 2) for address in ("anna+news@example.com", BO))
            assert bytes(found[anna].tagless_digest) == tx.digester.digest(ANNA, 2)
            assert bytes(found[anna].domain_digest) == tx.digester.digest("example.com", 2)
            assert (found[bo].tagless_digest, found[bo].domain_digest) == (None, None)


def test_a_rotation_that_broke_off_goes_on_where_it_is_run_again(house):
    with house.opened() as here:
        fill(here)
        steps = move_recipients(here.store, begin_digest_rotation(here.store))
        next(steps)
        steps.close()
    before = (house.folder / "digest.keys").read_text()

    with house.opened() as here:
        assert_right(here)
        assert generations(here) == {1, 2}
        assert begin_digest_rotation(here.store) == 2
        assert list(move_recipients(here.store, 2)) == [BATCH, len(CROWD)]

        assert_right(here)
        assert generations(here) == {2}
        assert unfolded(here) == []
    assert (house.folder / "digest.keys").read_text() == before, "and makes no third key"


def test_one_that_broke_off_before_the_database_knew_the_key_uses_that_key(house):
    append_key(house.folder / "digest.keys")
    before = (house.folder / "digest.keys").read_text()

    with house.opened() as here:
        consent(here, ANNA)
        assert move_all(here) == 2
        assert said(here, [ANNA]) == {Reason.CONSENT}

    assert (house.folder / "digest.keys").read_text() == before


def test_an_empty_database_can_be_rotated(house):
    with house.opened() as here:
        assert move_all(here) == 2
        consent(here, ANNA)
        assert said(here, [ANNA]) == {Reason.CONSENT}


def test_moving_again_what_has_moved_changes_nothing(house):
    with house.opened() as here:
        consent(here, ANNA)
        move_all(here)
        before = rows(here, "select * from standings")

        assert list(move_recipients(here.store, 2)) == [1]

        assert rows(here, "select * from standings") == before


@pytest.fixture
def behind(house, tmp_path):
    """The same house, as a process sees it that has its own copies of the key files."""
    folder = tmp_path / "behind"
    folder.mkdir()
    for name in ("digest.keys", "signing.keys"):
        shutil.copy(house.folder / name, folder / name)
    variables = {
        f"MAILCONSENT_{purpose}_KEYS_FILE": str(folder / f"{purpose.lower()}.keys") for purpose in ("DIGEST", "SIGNING")
    }
    return replace(house, environ=variables), folder


def test_a_process_without_the_key_says_neither_yes_nor_no(house, behind):
    other_house, folder = behind
    with house.opened() as here, other_house.opened() as other:
        consent(here, ANNA)
        token = token_for(here, ANNA)
        begin_digest_rotation(here.store)

        with pytest.raises(KeyMissing):
            ask(other, ANNA)
        with pytest.raises(KeyMissing):
            click(other, token)
        with other.store.begin() as tx, pytest.raises(KeyMissing):
            withdraw(tx, ANNA, receipt())

        shutil.copy(house.folder / "digest.keys", folder / "digest.keys")
        assert said(other, [ANNA]) == {Reason.CONSENT}
        assert not click(other, token).repeated


def test_a_process_without_the_signing_key_makes_no_links(house, behind):
    other_house, folder = behind
    with house.opened() as here, other_house.opened() as other:
        consent(here, ANNA)
        rotate_signing(here.store)
        token = token_for(here, ANNA)

        with pytest.raises(KeyMissing):
            token_for(other, ANNA)
        with pytest.raises(InvalidToken):
            click(other, token)

        shutil.copy(house.folder / "signing.keys", folder / "signing.keys")
        assert not click(other, token).repeated


def test_a_process_takes_in_a_new_signing_key_when_a_link_needs_it(house):
    with house.opened() as here, house.opened() as other:
        consent(here, ANNA)
        rotate_signing(here.store)
        token = token_for(here, ANNA)

        assert not click(other, token).repeated


def test_mail_is_not_judged_by_a_process_that_cannot_read_its_link(house, behind):
    other_house, folder = behind
    with house.opened() as here, other_house.opened() as other:
        consent(here, ANNA)
        rotate_signing(here.store)
        raw = f"From: relay@example.net\nTo: u+{token_for(here, ANNA)}@example.com\nSubject:\n\nHello\n".encode()

        def take_in():
            judged = judge(piped(raw, now=receipt().received_at), other.store.keyring.read_mailed)
            with other.store.begin() as tx:
                return ingest(tx, judged, now=receipt().received_at)

        with pytest.raises(KeyMissing):
            take_in()
        assert rows(here, "select 1 from inbound_messages") == []

        shutil.copy(house.folder / "signing.keys", folder / "signing.keys")
        take_in()
        assert said(here, [ANNA]) == {Reason.WITHDRAWN}


def test_a_key_that_another_thread_has_just_taken_in_counts_too(house):
    class Overtaken(Keyring):
        def refresh(self):
            super().refresh()
            return super().refresh()

    with house.opened() as here:
        consent(here, ANNA)
        keyring = Overtaken(*(KeySource(name, path=house.folder / name) for name in ("digest.keys", "signing.keys")))
        keyring.refresh()
        rotate_signing(here.store)
        token = token_for(here, ANNA)

        assert keyring.read_mailed(token) == here.store.keyring.read_mailed(token)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_text("broken"),
        lambda path: path.write_text(""),
        lambda path: path.unlink(),
        lambda path: path.write_text(new_key() + "\n"),
        lambda path: path.write_text(new_key() + "\n" + path.read_text()),
        lambda path: path.write_text("\n".join([new_key(), new_key()])),
    ],
    ids=["broken", "emptied", "deleted", "another key", "another key before it", "two other keys"],
)
@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_a_key_file_spoilt_under_a_running_process_stops_nobody_and_no_key_is_added_to_it(house, spoil):
    path = house.folder / "digest.keys"
    whole = path.read_text()
    with house.opened() as here:
        consent(here, ANNA, BO)
        with here.store.begin() as tx:
            withdraw(tx, BO, receipt())
        spoil(path)
        left = path.read_text() if path.exists() else None

        # A bad link makes a process look for new keys: it must not change over to these.
        with pytest.raises(InvalidToken):
            click(here, "a" * 56)
        assert (said(here, [ANNA]), said(here, [BO])) == ({Reason.CONSENT}, {Reason.WITHDRAWN})
        with pytest.raises(ConfigError):
            begin_digest_rotation(here.store)
        assert (path.read_text() if path.exists() else None) == left
        with here.store.read() as tx:
            assert tx.state.newest == 1

        path.write_text(whole)
        assert move_all(here) == 2
        assert (said(here, [ANNA]), said(here, [BO])) == ({Reason.CONSENT}, {Reason.WITHDRAWN})


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_a_spoilt_list_of_keys_does_not_keep_the_other_from_growing(house):
    signing = house.folder / "signing.keys"
    with house.opened() as here, house.opened() as other:
        consent(here, ANNA)
        whole = signing.read_text()
        signing.write_text("broken")

        assert move_all(here) == 2

        assert said(here, [ANNA]) == said(other, [ANNA]) == {Reason.CONSENT}
        signing.write_text(whole)
        assert rotate_signing(other.store) == 2
        assert not click(here, token_for(other, ANNA)).repeated


def test_keys_from_the_environment_are_given_to_every_process_first(house):
    first, second = ((house.folder / f"{name}.keys").read_text().strip() for name in ("digest", "signing"))
    new_digest, new_signing = new_key(), new_key()
    plain = {name: value for name, value in house.variables.items() if "_KEYS" not in name}

    def opened(*more):
        keys = {"MAILCONSENT_DIGEST_KEYS": first, "MAILCONSENT_SIGNING_KEYS": second}
        if more:
            keys = {name: f"{value} {new}" for (name, value), new in zip(keys.items(), more, strict=True)}
        return start(load_settings(plain | keys))

    old, new = opened(), opened(new_digest, new_signing)
    consent(old, ANNA)
    for rotate, name in ((begin_digest_rotation, "DIGEST_KEYS"), (rotate_signing, "SIGNING_KEYS")):
        with pytest.raises(ConfigError) as refusal:
            rotate(old.store)
        assert refusal.value.faults == (
            f"{name}: add the new key at the end, give it to every process, and run this again",
        )
    assert said(old, [ANNA]) == {Reason.CONSENT}, "and nothing has begun"

    assert rotate_signing(new.store) == 2
    assert move_all(new) == 2

    assert said(new, [ANNA]) == {Reason.CONSENT}
    assert not click(new, token_for(new, ANNA)).repeated
    with pytest.raises(KeyMissing):
        ask(old, ANNA)
    for installation in (old, new):
        installation.store.close()


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_there_is_no_generation_that_a_link_could_not_name(house):
    with house.opened() as here:
        for generation in range(2, MAX_GENERATION + 1):
            assert move_all(here) == generation
        consent(here, ANNA)

        with pytest.raises(ConfigError, match="no more than 31 generations"):
            begin_digest_rotation(here.store)

        assert not click(here, token_for(here, ANNA)).repeated
