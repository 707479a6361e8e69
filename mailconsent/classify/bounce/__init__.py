"""
Bounces: delivery status notifications of RFC 3464 and RFC 6522, of RFC 6533 for addresses beyond ASCII, and the many
forms from before them and beside them.

Rules of this package:

1. A report that machines read comes first, wherever in the message it stands; prose is read where there is none.
2. Only `Action: failed` is a bounce. Delays, relays and receipts are automatic mail, also where prose tells of them.
3. A status code decides (`status`); words stand for the code that they mean.
4. Whom it is about is whom the report names as the final recipient. What was returned in it is our own mail: its words
   count for nothing, and its header only where the report names nobody.
"""

from collections.abc import Callable

from mailconsent.classify.bounce import notification, prose, report, signs
from mailconsent.message import InboundMessage
from mailconsent.model import Classification, MailedClaim


def detect(message: InboundMessage, read_token: Callable[[str], MailedClaim]) -> Classification | None:
    """A bounce, or other mail about a delivery, if this is one."""
    recipients = [fields for kind, fields in message.reports if report.is_recipient_block(kind, fields)]
    if recipients:
        return report.classify(message, recipients, read_token)
    if blocks := notification.recipient_blocks(message):
        return report.classify(message, blocks, read_token)
    if not signs.is_bounce(message, read_token):
        return None
    if blocks := report.blocks_in_text(prose.explain(message)):
        return report.classify(message, blocks, read_token)
    return prose.classify(message, read_token)
