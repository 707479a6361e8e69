"""Mail that goes to many, by its header: newsletters, and what list software writes."""

import re

from mailconsent.message import InboundMessage

#: The addresses of software that keeps lists: Mailman, ezmlm, LISTSERV, Majordomo, Sympa.
LIST_SOFTWARE = re.compile(
    r"(?:listserv|majordomo|mailman|sympa|listproc|ecartis|[^@]+-(?:bounces|request|confirm|return)(?:\+[^@]*)?)@",
    re.IGNORECASE,
)
#: ezmlm answers from an address that a helpdesk may have, too, but with this field.
EZMLM, ITS_HELP = "run by ezmlm", "-help@"


def is_list_software(message: InboundMessage) -> bool:
    """Whether a message comes from what keeps a list, and not from anybody on it."""
    return any(
        LIST_SOFTWARE.match(address) or (ITS_HELP in address and EZMLM in message.header("mailing-list"))
        for address in message.from_addresses
    )


def is_mailing(message: InboundMessage) -> bool:
    """
    Whether a message offers its readers to unsubscribe in its header (RFC 2369), as newsletters do, or comes from what
    keeps a list. What people write to a list has that field, too, with one that tells how to post.
    """
    return (
        ("list-unsubscribe" in message.headers and "list-post" not in message.headers)
        or "x-list-administrivia" in message.headers
        or is_list_software(message)
    )
