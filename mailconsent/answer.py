"""What a newsletter system is told about one address, and how it gets onto the mail."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message

from mailconsent.model import LegalBasis, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """May this address be mailed about this topic?"""

    address: str
    allowed: bool
    reason: Reason
    legal_basis: LegalBasis | None
    #: The event that decided, by which mailconsent can explain the answer.
    event_id: str | None
    #: To be set on the message as they are: see `put_into`.
    headers: Mapping[str, str] = field(default_factory=dict)
    #: For the visible footer.
    unsubscribe_url: str | None = None
    #: By which a reply or a bounce is known to be about this mail.
    message_id: str | None = None
    #: The envelope sender of this mail, to which bounces come: not a header field, but what is told the mail server.
    return_path: str | None = None

    def put_into(self, message: Message) -> None:
        """
        Set the header fields on a message, which must then be written under its own policy, as `smtplib` does. Give
        that `return_path` as the sender of the envelope: `send_message(message, from_addr=answer.return_path)`.

        Python folds at 78 letters unless told otherwise, and to do so encodes the link (RFC 2047): no mail client reads
        it then. RFC 5322 section 2.1.1 allows 998.
        """
        message.policy = message.policy.clone(max_line_length=998)
        fields = dict(self.headers)
        if self.message_id:
            fields["Message-ID"] = self.message_id
        for name, value in fields.items():
            del message[name]
            message[name] = value
