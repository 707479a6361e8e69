"""Mail to the contact inbox, as tests write it."""


def mail(sender: str, subject: str, text: str = "", number: int = 1, **fields: str) -> bytes:
    """A message of this sender; `number` and sender tell it from every other."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return (
        f"From: {sender}\r\nTo: contact@example.com\r\nSubject: {subject}\r\n"
        f"Date: Mon, 02 Mar 2026 10:00:00 +0100\r\nMessage-ID: <{number}.{sender}>\r\n{more}\r\n{text}\r\n"
    ).encode()
