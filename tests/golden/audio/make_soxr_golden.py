"""What soxr's quality HQ makes of noise: `pip install numpy soxr safetensors && python make_soxr_golden.py`."""

from pathlib import Path

import numpy as np
import soxr
from safetensors.numpy import save_file


def noise(samples):
    """Evenly distributed between -0.5 and 0.5; the test makes the same."""
    state, out = 1, np.empty(samples, np.float32)
    for i in range(samples):
        state = (state * 1664525 + 1013904223) % 2**32
        out[i] = (state >> 8) / 2**24 - 0.5
    return out


tensors = {
    str(rate): soxr.resample(noise(rate // 20).astype(np.float64), rate, 48_000, quality="HQ").astype(np.float32)
    for rate in [22_050, 44_100, 96_000]
}
save_file(tensors, Path(__file__).with_name("soxr.safetensors"), {"soxr": soxr.__version__})
