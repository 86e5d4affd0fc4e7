"""A tiny language model: which word follows which two words."""
import random


class NgramModel:
    """Trigrams with a fall-back to bigrams."""

    def __init__(self, follows=None):
        self.follows = follows or {}

    def learn(self, text):
        """Count what follows what in a text; the number of words is returned."""
        words = text.lower().split()
        for i in range(1, len(words)):
            keys = [words[i - 1]]
            if i > 1:
                keys.append(f"{words[i - 2]} {words[i - 1]}")
            for key in keys:
                counts = self.follows.setdefault(key, {})
                counts[words[i]] = counts.get(words[i], 0) + 1
        return len(words)

    def next_word(self, words, chance):
        """A word that may come after these, or None."""
        counts = self.follows.get(" ".join(words[-2:])) or self.follows.get(words[-1])
        if not counts:
            return None
        return chance.choices(list(counts), weights=list(counts.values()))[0]

    def generate(self, prompt, limit, seed=0):
        """Go on from a prompt for at most `limit` words."""
        chance = random.Random(seed)
        words = prompt.lower().split() or ["the"]
        start = len(words)
        while len(words) - start < limit:
            word = self.next_word(words, chance)
            if word is None:
                break
            words.append(word)
        return " ".join(words[start:])
