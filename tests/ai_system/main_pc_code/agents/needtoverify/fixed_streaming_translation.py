"""Translation between English and Tagalog with a fixed vocabulary.

Not an agent: the engine that is always there. It knows some phrases and words,
keeps punctuation and capitals, and says which words it did not know.
"""
import re

PHRASES = {
    "good morning": "magandang umaga",
    "good afternoon": "magandang hapon",
    "good evening": "magandang gabi",
    "thank you very much": "maraming salamat",
    "thank you": "salamat",
    "how are you": "kumusta ka",
    "you are welcome": "walang anuman",
    "i love you": "mahal kita",
    "see you later": "hanggang sa muli",
    "i do not know": "hindi ko alam",
    "what is your name": "ano ang pangalan mo",
}
WORDS = {
    "hello": "kumusta", "yes": "oo", "no": "hindi", "please": "pakiusap", "friend": "kaibigan",
    "house": "bahay", "water": "tubig", "food": "pagkain", "rice": "kanin", "fish": "isda",
    "dog": "aso", "cat": "pusa", "child": "bata", "mother": "ina", "father": "ama",
    "sun": "araw", "moon": "buwan", "star": "bituin", "rain": "ulan", "wind": "hangin",
    "red": "pula", "white": "puti", "black": "itim", "big": "malaki", "small": "maliit",
    "beautiful": "maganda", "happy": "masaya", "sad": "malungkot", "new": "bago", "old": "luma",
    "eat": "kain", "drink": "inom", "sleep": "tulog", "walk": "lakad", "read": "basa",
    "one": "isa", "two": "dalawa", "three": "tatlo", "four": "apat", "five": "lima",
    "and": "at", "in": "sa", "the": "ang", "my": "aking", "today": "ngayon", "tomorrow": "bukas",
    "book": "aklat", "world": "mundo", "language": "wika", "question": "tanong", "answer": "sagot",
}
BACKWARDS = {tagalog: english for english, tagalog in WORDS.items()}
PHRASES_BACKWARDS = {tagalog: english for english, tagalog in PHRASES.items()}
PAIRS = {("en", "tl"): (PHRASES, WORDS), ("tl", "en"): (PHRASES_BACKWARDS, BACKWARDS)}
LONGEST_PHRASE = max(len(phrase.split()) for phrase in [*PHRASES, *PHRASES_BACKWARDS])


class UnknownPair(ValueError):
    """There is no vocabulary for this pair of languages."""


class Translation:
    """A translated text and the words that were left as they are."""

    def __init__(self, text, unknown):
        self.text = text
        self.unknown = unknown


def vocabulary(source, target):
    """The single words of a pair of languages, or None."""
    pair = PAIRS.get((source, target))
    return pair[1] if pair else None


class FixedStreamingTranslation:
    """Translates piece by piece: the longest known phrase first, then single words."""

    def translate(self, text, source, target):
        """The translation of a text; raises UnknownPair."""
        if (source, target) not in PAIRS:
            raise UnknownPair(f"no vocabulary from '{source}' to '{target}'")
        phrases, words = PAIRS[source, target]
        tokens = re.findall(r"\w+|\W+", text)
        output, unknown, position = [], [], 0
        while position < len(tokens):
            token = tokens[position]
            length, translated = self.longest_phrase(tokens, position, phrases)
            if translated is None:
                length, translated = 1, words.get(token.lower())
            if translated is None:
                translated = token
                if token.isalpha():
                    unknown.append(token.lower())
            elif token[:1].isupper():
                translated = translated[:1].upper() + translated[1:]
            output.append(translated)
            position += length
        return Translation("".join(output), list(dict.fromkeys(unknown)))

    @staticmethod
    def longest_phrase(tokens, position, phrases):
        """How many tokens the longest known phrase here takes, and its translation."""
        for count in range(LONGEST_PHRASE, 1, -1):
            length = 2 * count - 1
            piece = "".join(tokens[position:position + length]).lower()
            if piece in phrases:
                return length, phrases[piece]
        return 1, None
