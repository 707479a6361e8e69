"""
What mail to the contact inbox does. Rules (design 5.6):

1. Reading and judging happen outside the transaction, and one message that breaks us breaks nothing else.
2. Cursor, results and effects of a batch commit together; each effect has a savepoint of its own.
3. A message copied, moved back, or seen again under another UIDVALIDITY has no second effect.
4. Whoever made a request is told what came of it, where that is right and a mail server is set.
5. Raw text is kept only of mail that had an effect or awaits a human.
"""

from mailconsent.services.inbox.answers import Answers, answers_of
from mailconsent.services.inbox.judging import Judged, judge
from mailconsent.services.inbox.piped import ingest, piped
from mailconsent.services.inbox.processing import process

__all__ = ["Answers", "Judged", "answers_of", "ingest", "judge", "piped", "process"]
