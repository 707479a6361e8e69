"""A contact inbox as it is: mostly mail that people and machines write, some bounces, a few requests to unsubscribe."""

import random
import re
from collections.abc import Iterator

_WORDS = re.findall(
    r"\w+",
    "the your our order invoice please camera delivery week price question about thanks regards could would send sample"
    "light lens sensor meeting office later today tomorrow attached offer project update team we you they",
)
#: What stands above the text of any mail that has come over the internet: some 1.9 KB.
_TRACE = "".join(
    f"Received: from mx{n}.example.net (mx{n}.example.net [192.0.2.{n}])\r\n\tby mail.example.com (Postfix) with ESMTPS"
    f" id 4Zq{n}kW0Lpz9sT\r\n\tfor <contact@example.com>; Mon, 2 Mar 2026 09:3{n}:00 +0000 (UTC)\r\n"
    for n in range(4)
) + (
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net; s=k1; t=1772443800;\r\n"
    "\tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n\th=From:To:Subject:Date:Message-ID:MIME-Version;\r\n"
    f"\tb={'Qm9keSBvZiBhIHNpZ25hdHVyZQ' * 12}\r\n"
    "Authentication-Results: mail.example.com; dkim=pass header.d=example.net; spf=pass smtp.mailfrom=example.net;\r\n"
    "\tdmarc=pass header.from=example.net\r\n"
)


def mailbox(count: int) -> Iterator[bytes]:
    """So many messages: 80 % plain text of 2.5 KB, 9 % of 30 KB with HTML, 9 % bounces, 2 % that unsubscribe."""
    for number in range(count):
        share = number * 37 % 100  # mixed
        make = _plain if share < 80 else _alternative if share < 89 else _bounce if share < 98 else _unsubscribe
        yield make(number)


def _head(number: int, subject: str, kind: str, sender: str | None = None) -> str:
    return (
        f"Return-Path: <{sender or f'bo.{number}@example.net'}>\r\n{_TRACE}"
        f"From: Bo Hansen <{sender or f'bo.{number}@example.net'}>\r\nTo: contact@example.com\r\nSubject: {subject}\r\n"
        f"Date: Mon, 2 Mar 2026 09:30:{number % 60:02} +0000\r\nMessage-ID: <{number}.bench@example.net>\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: {kind}\r\n"
    )


def _prose(size: int) -> str:
    lines: list[str] = []
    while size > 0:
        line = " ".join(random.choices(_WORDS, k=12)).capitalize() + "."
        lines.append(line)
        size -= len(line) + 2
    return "\r\n".join(lines)


def _plain(number: int) -> bytes:
    head = _head(number, f"Question {number}", "text/plain; charset=utf-8")
    return f"{head}\r\n{_prose(700)}\r\n".encode()


def _alternative(number: int) -> bytes:
    html = "".join(f'<p style="margin:0 0 12px 0;color:#333">{_prose(200)}</p>\r\n' for _ in range(90))
    return (
        f"{_head(number, f'News {number}', 'multipart/alternative; boundary=b1')}\r\n"
        f"--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{_prose(4000)}\r\n"
        f"--b1\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body>{html}</body></html>\r\n--b1--\r\n"
    ).encode()


def _bounce(number: int) -> bytes:
    kind = "multipart/report; report-type=delivery-status; boundary=b2"
    return (
        f"{_head(number, 'Undelivered Mail Returned to Sender', kind, 'MAILER-DAEMON@example.net')}\r\n"
        f"--b2\r\nContent-Type: text/plain\r\n\r\nI'm sorry to have to inform you that your message could not be "
        f"delivered.\r\n\r\n--b2\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; mx.example.net\r\n\r\nFinal-Recipient: rfc822; gone.{number}@example.net\r\n"
        f"Action: failed\r\nStatus: 5.1.1\r\n"
        f"Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\n--b2\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        f"From: news@example.com\r\nTo: gone.{number}@example.net\r\nSubject: News\r\n\r\n--b2--\r\n"
    ).encode()


def _unsubscribe(number: int) -> bytes:
    return f"{_head(number, 'Unsubscribe', 'text/plain; charset=utf-8')}\r\nPlease unsubscribe me.\r\n".encode()
