"""
Our own mail: sent once, as far as that can be. Rules:

1. A letter is made in the transaction of what it tells of, and sent after the commit. So none tells of what did not
   happen, and none is forgotten.
2. What a mail server has accepted is sent again only where nobody could note that in time: its last word was lost, the
   process died, or the database was away until another took the letter and was faster. Then it is the same message,
   under the same Message-ID.
3. What is turned down for now is tried again, after ever longer pauses, for as long as the letter is of use.
"""

from datetime import datetime, timedelta

from mailconsent.postbox import Fate, Verdict
from mailconsent.store import Transaction
from mailconsent.store.outbox import Letter, LetterState, defer_letter, end_letter, read_state, take_letter

#: For how long a process may be at one letter: longer than the mail server may take, half a minute for each answer on
#: the way (`postbox.connect`) and ten for the last word (`postbox.LAST_WORD`).
LEASE = timedelta(minutes=20)
#: The pause after the first failure; each further one doubles it, up to the longest.
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=2)
_ENDS = {Fate.ACCEPTED: LetterState.SENT, Fate.REFUSED: LetterState.REFUSED}


def take(tx: Transaction, holder: str, *, now: datetime) -> Letter | None:
    """The next letter to be sent, for us alone; those that are of no use any more are given up."""
    while letter := take_letter(tx, holder, now=now, lease=LEASE):
        if now < letter.expires_at:
            return letter
        end_letter(tx, letter, holder, LetterState.EXPIRED, None)
    return None


def conclude(
    tx: Transaction, letter: Letter, holder: str, verdict: Verdict | None, *, now: datetime
) -> LetterState | None:
    """
    Note what became of a letter that we took; without a verdict the mail server could not be asked. Noted twice, it is
    as noted once.

    The state in which it is then: also that which others left, if it is theirs meanwhile or was forgotten; None if
    nothing is known of it any more.
    """
    status = verdict.status if verdict else None
    again = now + pause_after(letter.attempts)
    if verdict and verdict.fate in _ENDS:
        end_letter(tx, letter, holder, _ENDS[verdict.fate], status)
    elif again >= letter.expires_at:
        end_letter(tx, letter, holder, LetterState.EXPIRED, status)
    else:
        defer_letter(tx, letter, holder, status, due_at=again)
    return read_state(tx, letter)


def pause_after(attempts: int) -> timedelta:
    """How long a letter rests after so many tries."""
    return min(FIRST_PAUSE * int(2 ** min(attempts - 1, 12)), LONGEST_PAUSE)
