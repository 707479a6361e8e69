"""What slips of the finger make of a word."""

ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def misspell(word: str) -> set[str]:
    """What one slip makes of a word: a letter lost, doubled, mistaken, or swapped with the next one."""
    mistaken = {word[:i] + letter + word[i + 1 :] for i in range(1, len(word)) for letter in ALPHABET}
    return (lose_or_swap(word) | mistaken) - {word}


def lose_or_swap(word: str) -> set[str]:
    """What one slip makes of a word that only moves its letters: one lost, doubled, or swapped with the next one."""
    slips = {word[:i] + word[i + 1 :] for i in range(1, len(word))}
    slips |= {word[:i] + word[i] + word[i:] for i in range(len(word))}
    slips |= {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)}
    return slips - {word}


def misspell_twice(word: str) -> set[str]:
    """What two slips make of a word, when a letter is lost in one of them: "unsubsrive"."""
    once = misspell(word)
    return (once | {slip[:i] + slip[i + 1 :] for slip in once for i in range(1, len(slip))}) - {word}
