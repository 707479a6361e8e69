"""The subject of a message, and what mail programs, lists and filters put before it."""

import re

#: What mail programs put before the subject of a reply or a forward, in whatever language: "Re[2]:", "RE :", "Ynt:".
PREFIX = re.compile(
    r"\s*\[?(?:re|ré|réf|r|res|rv|enc|tr|rif|i|aw|antw|antwort|wg|sv|svar|vs|vb|vl|vá|tov|továbbítás|fw|fwd|odp|pd|odg|na|prosl|"
    r"ynt|yan|ilt|bls|doorst|ang|rép|rsp|atb|ats|pārs|edasi|rúf|απ|σχετ|πρθ|отв|ответ|отн|на|пр|відп|відповідь|нт|"
    r"回复|回覆|答复|转发|轉寄|返信|転送|回信|답장|회신|전달|رد|إعادة توجيه|השב|הועבר|תשובה|ตอบ|ส่งต่อ|उत्तर)"
    r"(?:\s*(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3}|\d{1,3}))?\s*[:：]\s*",
    re.IGNORECASE,
)
#: Before a subject: the tag of a list, or of a filter ("[garden-talk]", "[EXTERNAL]", "***SPAM***").
TAG = re.compile(r"\s*(?:\[[^\[\]]{1,40}\]|\*{2,3}[^*]{1,30}\*{2,3})(?=\s*\S)")
#: Before the old subject, where somebody put their own words in front of it.
INNER_PREFIX = re.compile(r"\s(?:re|aw|fw|fwd|wg|tr|sv|vs|rv|ref|antw|odp|rif|r|i|pd)\s?:\s", re.IGNORECASE)


def split_prefixes(subject: str, *, tagged: bool = False) -> tuple[bool, str]:
    """Whether a subject has the prefixes of a reply or a forward, and the subject behind them, and behind its tags."""
    rest, is_reply = subject, False
    for _ in range(10):
        if match := PREFIX.match(rest):
            is_reply = True
        elif not tagged or (match := TAG.match(rest)) is None:
            break
        rest = rest[match.end() :]
    return is_reply, rest
