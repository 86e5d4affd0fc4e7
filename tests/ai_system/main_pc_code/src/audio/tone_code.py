"""Letters as tones: one 25 ms tone per letter, so that speech can be had without a microphone."""
import math

ALPHABET = "abcdefghijklmnopqrstuvwxyz "
SAMPLES_PER_LETTER = 200
SAMPLE_RATE = 8000
LOWEST_HZ = 400
STEP_HZ = SAMPLE_RATE // SAMPLES_PER_LETTER


def encode(text, amplitude=0.5):
    """Samples between -1 and 1 which spell the text; what is no letter becomes a space."""
    samples = []
    for letter in text.lower():
        index = ALPHABET.find(letter)
        hertz = LOWEST_HZ + STEP_HZ * (index if index >= 0 else len(ALPHABET) - 1)
        turn = 2 * math.pi * hertz / SAMPLE_RATE
        samples += [round(amplitude * math.sin(turn * n), 4) for n in range(SAMPLES_PER_LETTER)]
    return samples


def power(samples, hertz):
    """How much of one frequency is in the samples (Goertzel's algorithm)."""
    factor = 2 * math.cos(2 * math.pi * hertz / SAMPLE_RATE)
    before, last = 0.0, 0.0
    for sample in samples:
        before, last = last, sample + factor * last - before
    return before * before + last * last - factor * before * last


def decode(samples):
    """The text that the samples spell."""
    letters = []
    for start in range(0, len(samples) - SAMPLES_PER_LETTER + 1, SAMPLES_PER_LETTER):
        window = samples[start:start + SAMPLES_PER_LETTER]
        powers = [power(window, LOWEST_HZ + STEP_HZ * index) for index in range(len(ALPHABET))]
        letters.append(ALPHABET[powers.index(max(powers))])
    return "".join(letters).strip()
