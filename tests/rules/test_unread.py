"""Mail that is longer than what is read of it: where no word of it was read, a human reads it."""

import pytest

from mailconsent.classify import classify, no_token
from mailconsent.message import MAX_MESSAGE, parse_message
from mailconsent.model import Label

HEAD = "From: anna@example.com\nTo: contact@example.com\nSubject: A picture\n"
MIXED = "Content-Type: multipart/mixed; boundary=b\n\n"
PICTURE = f"--b\nContent-Type: image/jpeg\nContent-Transfer-Encoding: base64\n\n{('A' * 76 + chr(10)) * 2_000}\n"
SAID = "--b\nContent-Type: text/plain\n\nPlease unsubscribe me\n--b--\n"
BLANK = "--b\nContent-Type: text/plain\n\n\n \n"
HTML = "--b\nContent-Type: text/html\n\n<img src=cid:1>&nbsp;<br>\n"


def label(raw: str) -> Label:
    return classify(parse_message(raw.encode()[:MAX_MESSAGE]), no_token).label


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (MIXED + PICTURE + SAID, "a phone puts what is written below the picture"),
        (MIXED + BLANK + PICTURE + SAID, "and may begin with an empty text"),
        (MIXED + HTML + PICTURE + SAID, "or with the picture's place"),
        (MIXED + PICTURE + PICTURE, "nobody knows what would have come"),
        (
            f"Content-Type: text/html\n\n<style>{'p {}' * 50_000}</style>Please unsubscribe me",
            "it is styled to the cut",
        ),
    ],
)
def test_a_message_that_was_cut_before_its_first_word_is_left_to_a_human(raw, why):
    answer = classify(parse_message((HEAD + raw).encode()[:MAX_MESSAGE]), no_token)

    assert (answer.label, answer.detector, answer.addresses) == (Label.UNSURE, "unread", ("anna@example.com",)), why


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (MIXED + "--b\n\nHere it is.\n" + PICTURE + SAID, "a text above the picture says what it is"),
        (MIXED + "--b\n\n> Where is it?\n" + PICTURE, "so does a quote"),
        (MIXED + PICTURE[:1_000] + "--b--\n", "it was read to its end"),
        ("Content-Type: image/jpeg\n\n" + "A" * MAX_MESSAGE, "a picture alone has no text"),
        (MIXED + BLANK + PICTURE.replace("image/jpeg", "application/pdf"), "a scanner has nothing to say"),
        (MIXED + PICTURE.replace("\n\n", "\nContent-Disposition: attachment\n\n", 1), "a file stands at the end"),
        ("List-Unsubscribe: <https://example.com/u>\n" + MIXED + PICTURE, "a newsletter asks for nothing"),
        ("Auto-Submitted: auto-generated\n" + MIXED + PICTURE, "nor does a machine"),
    ],
)
def test_other_large_mail_is_none_of_our_business(raw, why):
    assert label(HEAD + raw) is Label.OTHER, why


def test_a_request_in_the_subject_needs_no_text():
    assert label(HEAD.replace("A picture", "Unsubscribe") + MIXED + PICTURE + SAID) is Label.UNSUBSCRIBE
