"""
The words of a text, in whatever script, so folded that one word has one form however it was typed.

Rules of this file:

1. People leave out what their keyboard makes hard. Case and diacritics are dropped (NFKD, then the marks, then case
   folding): "Désinscrire" is "desinscrire", "ABONELİKTEN" is "abonelikten". What is no letter with a mark is written
   as its neighbour: ı is i, ø is o, ł is l. Hangul stays taken apart in letters, so that stems can end within one.
2. Hyphens and apostrophes within a word are dropped ("E-Mails" is "emails", "don't" is "dont"), but where they tie two
   words together they part them: "l'infolettre", "retirez-moi".
3. Chinese, Japanese and Thai write no blanks. There the words that are known are taken, the longest first, and each
   character between them is a word of its own.
4. An underscore parts words: it is what is left of emphasis, and stands in the subjects of buttons.
5. Both ways through, for ASCII and for all else, come to the same words.
"""

import re
import unicodedata
from collections.abc import Iterable

#: Marks on letters, and what is seen by no one: soft hyphens, joiners, directions, variants of an emoji.
UNSEEN = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670"
    "\u06d6-\u06ed\u093c\u094d\u0e38-\u0e3a\u0e47-\u0e4e\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u3099\u309a\ufe00-\ufe0f"
    "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+"
)
LETTERS = str.maketrans(
    {"ı": "i", "ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ħ": "h", "ى": "ي", "ة": "ه"}
)
#: How letters with marks are written out in Danish, German and others.
WRITTEN_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
#: What ties two words together: the apostrophe of French, Italian and Catalan, the hyphen before a pronoun.
TIES = re.compile(
    r"['’-](?=\w)(?:(?<=\b[cdjlmnst]['’])|(?<=\bqu['’])|(?<=\b(?:dal|del|nel|sul)l['’])|(?<=\ball['’])"
    r"|(?<=\w-)(?=(?:me|m|moi|nous|nos|la|le|les|lo|los|las|o|os|ma|ne|mi|ni)\b))"
)
#: The look-behind comes second: a pattern that begins with what to look for is searched faster.
DROPPED = re.compile(r"['’ʼ`´‑‐-](?<=\w.)(?=\w)")
#: Scripts without blanks: Thai, kana, Han.
UNSPACED = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff"
IS_UNSPACED = re.compile(f"[{UNSPACED}]")
#: Vowel signs of Devanagari are no letters to `\w`.
WORD = re.compile(f"[\\w\u0900-\u0963{UNSPACED}]+")
#: The same for ASCII, where it takes a fifth of the time: of a run of marks none is within a word.
MARKS = "'`-"
RUNS = tuple(one + other for one in MARKS for other in MARKS)
PLAIN_WORDS = {
    code: "" if chr(code) in MARKS else chr(code).lower() if chr(code).isalnum() else " " for code in range(128)
}


def split_words(text: str, known: re.Pattern[str] = WORD) -> list[str]:
    """The words of a text as phrases are written in; `known` is a pattern of `known_words`."""
    if text.isascii():
        if "-" in text or "'" in text:
            text = TIES.sub(" ", text.lower())
            for run in RUNS:
                text = text.replace(run, " ")
        return text.translate(PLAIN_WORDS).split()
    text = DROPPED.sub("", TIES.sub(" ", fold(text))).replace("_", " ")
    return (known if IS_UNSPACED.search(text) else WORD).findall(text)


def fold(text: str) -> str:
    """A text without case, diacritics and what nobody sees."""
    bare = UNSEEN.sub("", unicodedata.normalize("NFKD", text))
    return UNSEEN.sub("", unicodedata.normalize("NFKD", bare.casefold())).translate(LETTERS)


def known_words(words: Iterable[str]) -> re.Pattern[str]:
    """The words of a text in which these, of scripts without blanks, are told from what is around them."""
    unspaced = sorted({word for word in words if IS_UNSPACED.match(word)}, key=lambda word: (-len(word), word))
    return re.compile("|".join([*unspaced, f"[{UNSPACED}]", f"[^\\W{UNSPACED}][\\w\u0900-\u0963]*"]))


def spellings(word: str) -> set[str]:
    """How a word of a phrase may come in: without its marks, or with its umlauts written out."""
    return {form for written in (word, word.lower().translate(WRITTEN_OUT)) for form in split_words(written)}
