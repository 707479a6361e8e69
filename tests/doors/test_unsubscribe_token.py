"""Links as they arrive: what mail programs do to them is forgiven, and what is not ours is said to be broken."""

from pathlib import Path
from urllib.parse import quote

import pytest

from mailconsent.model import LegalBasis, UnsubscribeClaim
from mailconsent.tokens import TokenSigner
from tests.houses import build
from tests.served import Served

#: Name, and what becomes of the token.
FORGIVEN = {
    "upper case": str.upper,
    "mixed case": lambda token: token[:20].upper() + token[20:],
    "the full stop of a sentence": lambda token: token + ".",
    "an equals sign of quoted-printable": lambda token: token + "=",
    "a closing bracket": lambda token: token + ">",
    "all of them": lambda token: token + ".=>",
    "an encoded equals sign": lambda token: token + "%3D",
    "an encoded bracket": lambda token: token + "%3E",
    "in lower-case hex": lambda token: token + "%3d%3e",
    "then a slash": lambda token: token + "%3E/",
    "a blank": lambda token: token + "%20",
    "letters encoded": lambda token: "".join(f"%{ord(letter):02X}" for letter in token),
    "upper case with a bracket": lambda token: token.upper() + "%3E",
}
BROKEN = {
    "cut by one": lambda token: token[:-1],
    "cut at the front": lambda token: token[1:],
    "half": lambda token: token[:28],
    "one letter more": lambda token: token + "a",
    "one letter other at the front": lambda token: ("a" if token[0] != "a" else "b") + token[1:],
    "one letter other in the middle": lambda token: token[:20] + ("a" if token[20] != "a" else "b") + token[21:],
    "one letter other at the end": lambda token: token[:-1] + ("a" if token[-1] != "a" else "b"),
    "two swapped": lambda token: token[2:4] + token[:2] + token[4:] if token[:2] != token[2:4] else token[1:],
    "no letters of ours": lambda token: "0189" * 14,
    "too long": lambda token: token * 300,
    "a dot in it": lambda token: token[:20] + "." + token[20:],
    "a slash in it": lambda token: token[:20] + "/" + token[20:],
    "another link before it": lambda token: "u/" + token,
    "up and away": lambda token: "../u/" + token[:-1],
    "NUL": lambda token: token + "%00",
    "a line break in it": lambda token: token[:20] + "%0D%0ASet-Cookie:%20a=b" + token[20:],
    "half a percent sign": lambda token: token + "%",
    "no UTF-8": lambda token: token[:-1] + "%FF",
    "fullwidth letters": lambda token: quote("".join(chr(ord(letter) + 0xFEE0) for letter in token)),
    "emoji": lambda token: quote("✉️" * 20),
    "markup": lambda token: quote("<script>alert(1)</script>"),
    "a template": lambda token: quote("{{ config }}"),
    "nothing": lambda token: "",
}


@pytest.mark.parametrize("change", FORGIVEN)
def test_what_a_mail_program_adds_is_forgiven(served: Served, change: str) -> None:
    token = served.link().removeprefix("/u/")
    link, before = f"/u/{FORGIVEN[change](token)}", served.events()

    assert served.ask("GET", link).status == 200
    assert served.post(link).status == 200
    assert served.events() == before + 1
    # Both spellings are one link: the claim counts, never the text.
    assert served.post(f"/u/{token}").status == 200
    assert served.events() == before + 1


@pytest.mark.parametrize("change", BROKEN)
def test_a_broken_link_shows_another_way(served: Served, change: str) -> None:
    token = served.link().removeprefix("/u/")
    link, before = f"/u/{BROKEN[change](token)}", served.events()

    for method in ("GET", "POST", "HEAD"):
        answer = served.send(f"{method} {link} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())

        assert (answer.status, answer.mimetype) == (404, "text/html")
        if method != "HEAD":
            assert "This link does not work" in answer.text
            assert 'href="mailto:contact@example.com?subject=Unsubscribe"' in answer.text
            assert "<script" not in answer.text
    assert served.events() == before


def test_a_link_of_another_house_is_broken(served: Served, tmp_path: Path) -> None:
    with build(tmp_path, f"sqlite:///{tmp_path}/mailconsent.db").opened() as other, other.store.read() as tx:
        claim = UnsubscribeClaim(digest=bytes(16), generation=1, topic=1, basis=LegalBasis.CONSENT)
        token = tx.signer.sign(claim)
    before = served.events()

    assert served.post(f"/u/{token}").status == 404
    assert served.events() == before


def test_a_link_signed_with_an_empty_or_public_key_is_broken(served: Served) -> None:
    claim = UnsubscribeClaim(digest=bytes(16), generation=1, topic=1, basis=LegalBasis.CONSENT)
    for key in (b"", bytes(32), b"secret"):
        assert served.post(f"/u/{TokenSigner([key]).sign(claim)}").status == 404


def test_a_long_link_is_answered_in_our_words_up_to_the_servers_limit(served: Served) -> None:
    for length in (3_000, 60_000, 200_000):
        answer = served.post("/u/" + "a" * length)
        assert answer.status == 404
        assert "contact@example.com" in answer.text
    assert served.send(b"POST /u/" + b"a" * 300_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n").status == 431


def test_a_link_of_a_soft_opt_in_mail_works(served: Served) -> None:
    link, before = served.link_of_nobody(topic=2, basis=LegalBasis.SOFT_OPT_IN), served.events()

    assert "Product availability alerts" in served.ask("GET", link).text
    assert served.post(link).status == 200
    assert served.events() == before + 1


def test_a_link_of_all_marketing_says_so(served: Served) -> None:
    link = served.link_of_nobody()

    assert "Unsubscribe from all our marketing mail?" in served.ask("GET", link).text
    assert "any marketing mail" in served.post(link, b"confirm=1").text
