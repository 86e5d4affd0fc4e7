import numpy as np

RATE = 16_000
FRAME = 512


def energy(frame):
    samples = np.asarray(frame, dtype=np.float32)
    return float(np.sqrt(np.mean(samples * samples))) if samples.size else 0.0


def spectrum(frame, bands=16):
    samples = np.asarray(frame, dtype=np.float32)
    if samples.size < 2:
        return np.zeros(bands)
    power = np.abs(np.fft.rfft(samples * np.hanning(samples.size))) ** 2
    return np.array([part.mean() if part.size else 0.0 for part in np.array_split(power, bands)])


def tone(hertz, seconds=0.1):
    times = np.arange(int(RATE * seconds)) / RATE
    return (0.3 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)
