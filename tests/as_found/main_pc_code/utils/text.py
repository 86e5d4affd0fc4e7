import re
import unicodedata

_WORD = re.compile(r"[\w']+")
STOP_WORDS = {"a", "an", "and", "the", "of", "to", "in", "is", "it", "that", "please"}


def words(text, keep_stop_words=True):
    found = [word.lower() for word in _WORD.findall(text or "")]
    return found if keep_stop_words else [word for word in found if word not in STOP_WORDS]


def plain(text):
    flat = unicodedata.normalize("NFKD", text or "")
    return "".join(letter for letter in flat if not unicodedata.combining(letter)).strip()


def similarity(left, right):
    """Share of common words, 0 to 1."""
    a, b = set(words(left, False)), set(words(right, False))
    return len(a & b) / len(a | b) if a | b else 1.0
