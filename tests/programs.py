"""How mail programs send what somebody writes: each function is one of them, or a way to go wrong."""

import html
from collections.abc import Callable, Mapping

from tests.dressed import marked, paragraphs, part
from tests.posted import DISCLAIMER, FIRM, WRITER, Posted, alternative, answered, charset, fields, head, news, program


def bare(said: Posted) -> bytes:
    """A new mail, of plain text."""
    return head(said) + part(said.text)


def request_address(said: Posted) -> bytes:
    """To the address that list software has for commands."""
    return head(said, to="garden-talk-request@lists.shop.example") + part(said.text, "us-ascii", encoding="7bit")


def list_post(said: Posted) -> bytes:
    """To all members of a list, as its software passes it on."""
    more = (
        "List-Id: Garden talk <garden-talk.lists.shop.example>",
        "List-Post: <mailto:garden-talk@lists.shop.example>",
    )
    footer = "_" * 47 + "\nGarden-talk mailing list\nTo unsubscribe: https://lists.shop.example/listinfo/garden-talk\n"
    return head(said, *more, "Precedence: list", to="garden-talk@lists.shop.example") + part(f"{said.text}\n\n{footer}")


def gmail(said: Posted) -> bytes:
    wrote = program(said.language)["gmail"]
    rich = (
        f'<div dir="ltr">{paragraphs(said.text)}</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">'
        f'{html.escape(wrote)}<br></div><blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex">'
        f"{paragraphs(news(said))}</blockquote></div>"
    )
    return answered(said) + alternative(f"{said.text}\n\n{wrote}\n\n{marked(news(said))}\n", rich)


def gmail_forward(said: Posted) -> bytes:
    own = program(said.language)
    above = f"{own['forward']}\n{fields(said)}\n\n\n{news(said)}"
    rich = (
        f'<div dir="ltr">{paragraphs(said.text)}<br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">'
        f"{html.escape(above)}</div></div></div>"
    )
    return head(said) + alternative(f"{said.text}\n\n{above}\n", rich)


def outlook(said: Posted) -> bytes:
    rich = "".join(f'<p class="MsoNormal">{html.escape(line) or "&nbsp;"}</p>' for line in said.text.split("\n"))
    quoted = "<br>".join(html.escape(fields(said)).split("\n"))
    return answered(said, "Thread-Topic: x") + alternative(
        f"{said.text}\n\n{fields(said)}\n\n{news(said)}\n",
        f'<div class="WordSection1">{rich}<div><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3pt 0cm"'
        f'><p class="MsoNormal">{quoted}</p></div></div>{paragraphs(news(said))}</div>',
        "base64",
    )


def outlook_plain(said: Posted) -> bytes:
    divider = program(said.language)["divider"]
    return answered(said) + part(
        f"{said.text}\n\n{divider}\n{fields(said)}\n\n{news(said)}\n", charset(said), encoding="quoted-printable"
    )


def outlook_web(said: Posted) -> bytes:
    rich = f'<div style="font-family:Calibri">{paragraphs(said.text)}</div><hr tabindex="-1"><div id="divRplyFwdMsg">'
    quoted = "<br>".join(html.escape(fields(said)).split("\n"))
    return answered(said) + alternative(
        f"{said.text}\n\n{'_' * 32}\n{fields(said)}\n\n{news(said)}\n", f"{rich}{quoted}</div>{paragraphs(news(said))}"
    )


def apple(said: Posted) -> bytes:
    """From a phone, which adds a line of its own."""
    own = program(said.language)
    return answered(said, "X-Mailer: iPhone Mail (22D82)") + alternative(
        f"{said.text}\n\n{own['phone']}\n\n> {own['apple']}\n> \n{marked(news(said))}\n",
        f'{paragraphs(said.text)}<br><div dir="ltr">{html.escape(own["phone"])}</div><div dir="ltr"><br><blockquote '
        f'type="cite">{html.escape(own["apple"])}<br><br></blockquote></div><blockquote type="cite">'
        f"{paragraphs(news(said))}</blockquote>",
    )


def apple_new(said: Posted) -> bytes:
    """A new mail from a phone."""
    return head(said, "X-Mailer: iPhone Mail (22D82)") + part(
        f"{said.text}\n\n{program(said.language)['phone']}", encoding="base64"
    )


def apple_forward(said: Posted) -> bytes:
    own = program(said.language)
    return head(said, "X-Mailer: Apple Mail (2.3774)") + part(
        f"{said.text}\n\n> {own['begin']}\n> \n{marked(fields(said))}\n> \n{marked(news(said))}\n"
    )


def galaxy(said: Posted) -> bytes:
    own = program(said.language)
    return answered(said) + part(
        f"{said.text}\n\n\n{own['android']}\n\n-------- {own['divider'].strip('-')} --------\n{fields(said)}\n\n"
        f"{news(said)}",
        encoding="base64",
    )


def thunderbird(said: Posted) -> bytes:
    return answered(said) + part(
        f"{said.text}\n\n{program(said.language)['apple']}\n{marked(news(said))}\n", charset(said)
    )


def below(said: Posted) -> bytes:
    """An answer below what it quotes, with a signature."""
    wrote = program(said.language)["apple"]
    return answered(said) + part(f"{wrote}\n{marked(news(said))}\n\n{said.text}\n\n-- \n{FIRM}\n")


def yahoo(said: Posted) -> bytes:
    wrote = program(said.language)["gmail"]
    indented = "\n".join(f"  {line}" for line in f"{wrote}\n \n{news(said)}".split("\n"))
    rich = (
        f'<div class="ydp1yahoo-style-wrap"><div dir="ltr">{paragraphs(said.text)}</div></div><div '
        f'id="ydp2yahoo_quoted_1" class="ydp2yahoo_quoted"><div>{html.escape(wrote)}</div>'
        f"{paragraphs(news(said))}</div>"
    )
    return answered(said, "X-Mailer: WebService/1.1 YMailNorrin") + alternative(f" {said.text}\n\n  {indented}", rich)


def gmx(said: Posted) -> bytes:
    own = program(said.language)
    return answered(said) + part(
        f'<html><head></head><body><div style="font-family: Verdana;">{paragraphs(said.text)}<div>&nbsp;<div '
        f'name="quote" style="margin:10px 5px"><div><b>{own["fields"][1]}:</b>&nbsp;{own["day"]}<br/>'
        f"<b>{own['fields'][0]}:</b>&nbsp;Shop</div><div>{paragraphs(news(said))}</div></div></div></div></body></html>",
        kind="html",
    )


def notes(said: Posted) -> bytes:
    own = program(said.language)
    values = ("Garden Shop <news@shop.example>", WRITER, "03.03.2025 09:00", own["subject"])
    names = (own["fields"][0], own["fields"][2], own["fields"][1], own["fields"][3])
    above = "\n".join(f"{name}:\t{value}" for name, value in zip(names, values, strict=True))
    return answered(said, "X-Mailer: HCL Notes Release 12.0.2") + part(
        f"{said.text}\n\n\n\n{above}\n\n{'_' * 40}\n\n{news(said)}\n", charset(said), encoding="quoted-printable"
    )


def web_form(said: Posted) -> bytes:
    sender = "Garden Shop <website@shop.example>"
    body = (
        f"Name: Anna Hill\nE-Mail: {WRITER}\nMessage:\n{said.text}\n\n--\nSent by the contact form of www.shop.example"
    )
    return head(said, f"Reply-To: Anna Hill <{WRITER}>", sender=sender) + part(body)


def ticket(said: Posted) -> bytes:
    return answered(said) + part(
        f"{said.text}\n\n##- Please type your reply above this line -##\n\nYour request (4711) has been received.\n\n"
        f"{news(said)}"
    )


def firm(said: Posted) -> bytes:
    """A signature without its mark, and a disclaimer."""
    return head(said) + part(f"{said.text}\n\n{FIRM}\n\n{DISCLAIMER}\n", encoding="quoted-printable")


def signed(said: Posted) -> bytes:
    return head(said) + part(f"{said.text}\n\n-- \n{FIRM}\n")


def html_alone(said: Posted) -> bytes:
    return head(said) + part(f"<html><body>{paragraphs(said.text)}</body></html>", kind="html", encoding="base64")


def html_table(said: Posted) -> bytes:
    """As editors of web mailers write it, with blanks that do not break."""
    cell = html.escape(said.text).replace("\n", "<br>").replace(" ", "&nbsp; ")
    return head(said) + part(
        f'<!DOCTYPE html><html><head><style type="text/css">p {{margin:0}}</style></head><body><table><tr><td><p><span '
        f'style="font-size:12pt">{cell}</span></p></td></tr></table></body></html>',
        charset(said),
        "html",
        "quoted-printable",
    )


def no_charset(said: Posted) -> bytes:
    return head(said) + b"\n" + said.text.encode()


def wrong_charset(said: Posted) -> bytes:
    return head(said) + part(said.text, charset(said)).replace(charset(said).encode(), b"utf-8")


def raw_subject(said: Posted) -> bytes:
    """A subject of eight bits that nobody encoded."""
    return head(said._replace(subject="@@")).replace(b"@@", said.subject.encode()) + part(said.text)


def history(said: Posted) -> bytes:
    """The third request, above the two that were not answered."""
    own = program(said.language)
    twice = f"{said.text}\n\n{own['gmail'].replace('news@shop.example', WRITER)}\n\n{marked(said.text)}"
    return answered(said) + part(
        f"{said.text}\n\n{own['gmail'].replace('news@shop.example', WRITER)}\n\n{marked(twice)}\n> \n"
        f"> > {own['gmail']}\n{marked(marked(news(said)))}\n"
    )


def attached(said: Posted) -> bytes:
    """The newsletter is attached to it."""
    inner = f"From: Garden Shop <news@shop.example>\nSubject: News\nMessage-ID: <news.3@shop.example>\n\n{news(said)}\n"
    return b"".join(
        (
            head(said),
            b'Content-Type: multipart/mixed; boundary="=_b2"\n\n--=_b2\n',
            part(said.text, encoding="quoted-printable"),
            b"\n--=_b2\nContent-Type: message/rfc822\nContent-Disposition: attachment\n\n",
            inner.encode(),
            b"\n--=_b2--\n",
        )
    )


def advertised(said: Posted) -> bytes:
    """A line of the virus scanner below it."""
    return head(said) + part(
        f"{said.text}\n\n\n-- \nThis email has been checked for viruses by Avast.\nwww.avast.com\n"
    )


Form = Callable[[Posted], bytes]
FORMS: Mapping[str, Form] = {
    made.__name__: made
    for made in (
        advertised, apple, apple_forward, apple_new, attached, bare, below, firm, galaxy, gmail, gmail_forward, gmx,
        history, html_alone, html_table, list_post, no_charset, notes, outlook, outlook_plain, outlook_web, raw_subject,
        request_address, signed, thunderbird, ticket, web_form, wrong_charset, yahoo,
    )
}  # fmt: skip


def sent(said: Posted) -> bytes:
    """The mail of what somebody sends."""
    return FORMS[said.form](said)
