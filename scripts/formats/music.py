"""A few chords, a bass and a snare: the same samples on every run."""

import numpy as np


def music(rate, channels, seconds, width=32):
    """Integers of so many bits at the top of 32, of shape [frames, channels]."""
    frames = round(rate * seconds)
    time = np.arange(frames) / rate
    sound = np.zeros((frames, channels))
    noise = np.random.default_rng(7).standard_normal(frames)
    for beat, root in enumerate((220.0, 174.6, 261.6, 196.0)):
        since = time - beat * seconds / 4
        heard = since >= 0
        fade = np.where(heard, np.exp(-3 * since), 0)
        for step, ratio in enumerate((0.5, 1.0, 1.25, 1.5)):
            pitch = root * ratio
            if pitch > 0.45 * rate:
                continue
            tone = np.sin(2 * np.pi * pitch * since) + 0.3 * np.sin(2 * np.pi * 2 * pitch * since + 0.4)
            for channel in range(channels):
                # Each channel has its own mixture, so that a wrong channel is noticed.
                sound[:, channel] += fade * tone * (0.1 + 0.05 * np.cos(step + 2 * channel))
        snare = np.where(heard, np.exp(-30 * since), 0) * noise * 0.05
        sound += snare[:, None]
    sound = np.clip(sound, -0.98, 0.98)
    steps = 2 ** (width - 1)
    return (np.round(sound * (steps - 1)).astype(np.int64) * 2 ** (32 - width)).astype("<i4")
