"""
The mail that tells a person what came of their request: whether there may be one (RFC 3834), and what it says.

Nothing is sent here, and nothing is remembered: that a mail is recent, and that nobody gets two of these in a week, is
for who sends them.
"""

from mailconsent.acknowledgement.answerable import Silence, may_answer
from mailconsent.acknowledgement.composing import Stopped, compose
from mailconsent.acknowledgement.texts import choose_language

__all__ = ["Silence", "Stopped", "choose_language", "compose", "may_answer"]
