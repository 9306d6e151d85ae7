"""Makes the reference vectors of this folder with PyTorch.

    pip install torch torchaudio torch-audiomentations safetensors   # 2.15, 2.11, 0.12
    python make_audio_golden.py

Everything is computed on the CPU in float32, except the tensors `*.f64` of pitch_shift, which show how far float32
itself is from the truth.
"""

import math
from fractions import Fraction
from pathlib import Path

import julius
import torch
import torchaudio
import torchaudio.transforms as T
from safetensors.torch import save_file
from torch_audiomentations.augmentations.colored_noise import _gen_noise
from torch_pitch_shift import pitch_shift

FOLDER = Path(__file__).parent
torch.manual_seed(20221)


def music(samples: int, rate: int = 16000) -> torch.Tensor:
    """Three decaying notes, a chirp and some hiss."""
    t = torch.arange(samples, dtype=torch.float64) / rate
    x = 0.05 * torch.randn(samples, dtype=torch.float64)
    for start, pitch in [(0.0, 220.0), (0.05, 554.4), (0.12, 1318.5)]:
        local = (t - start).clamp(min=0)
        x += 0.3 * (local > 0) * torch.exp(-8 * local) * torch.sin(2 * math.pi * pitch * local)
    x += 0.2 * torch.sin(2 * math.pi * (300 * t + 6000 * t * t))
    return x.float()


def save(name: str, tensors: dict) -> None:
    save_file({key: value.contiguous().clone() for key, value in tensors.items()}, FOLDER / f"{name}.safetensors")


def resample() -> None:
    x = music(4003)
    tensors = {"input": x, "short": x[1000:1007]}
    for source, target in [
        (44100, 16000), (48000, 16000), (22050, 16000), (8000, 16000),
        (11025, 16000), (32000, 16000), (96000, 16000), (16000, 44100),
    ]:
        for name in ["input", "short"]:
            # The module computes its kernel in float64, the function in float32 (up to 8e-6 off).
            tensors[f"{source}.{target}.{name}"] = T.Resample(source, target)(tensors[name])
    save("resample", tensors)


def shift() -> None:
    x = music(4000)
    tensors = {"input": x, "short": x[500:700]}
    for ratio in [Fraction(4, 5), Fraction(125, 128), Fraction(128, 125), Fraction(5, 4)]:
        for name in ["input", "short"]:
            clip = tensors[name]
            key = f"{ratio.numerator}.{ratio.denominator}.{name}"
            tensors[key] = pitch_shift(clip[None, None], ratio, 16000)[0, 0]
            ones = torch.ones(250, dtype=torch.float64)
            spectrum = torch.stft(clip.double()[None], 250, 7, window=ones, return_complex=True)
            stretched = T.TimeStretch(fixed_rate=float(1 / ratio), n_freq=126, hop_length=7).double()(spectrum)
            long = torch.istft(stretched, 250, 7, window=ones)[0].float()
            out = T.Resample(16000, int(16000 / ratio))(long)[: len(clip)]
            tensors[f"{key}.f64"] = torch.nn.functional.pad(out, (0, len(clip) - len(out)))
    save("pitch_shift", tensors)


def noise() -> None:
    white = torch.randn(2000)
    tensors = {"white": white}
    normal, torch.normal = torch.normal, lambda *args, **kwargs: white.clone()
    for decay in [-2.0, -0.5, 0.0, 1.0, 2.0]:
        tensors[f"decay.{decay:g}"] = _gen_noise(torch.tensor(decay), 2000, 2000, "cpu")
    torch.normal = normal
    save("noise", tensors)


def filters() -> None:
    x = music(4000)
    tensors = {"input": x}
    for cutoff in [150, 1000, 7500]:
        tensors[f"low_pass.{cutoff}"] = julius.lowpass_filter(x, cutoff / 16000)
    for cutoff in [20, 2400]:
        tensors[f"high_pass.{cutoff}"] = julius.highpass_filter(x, cutoff / 16000)
    save("filters", tensors)


def log_mel() -> None:
    def reference(x, rate=16000, n_fft=1024, hop=512, n_mels=128, f_min=0.0, f_max=8000.0):
        spectrogram = T.MelSpectrogram(
            rate, n_fft=n_fft, hop_length=hop, n_mels=n_mels, f_min=f_min, f_max=f_max, normalized=True
        )
        return T.AmplitudeToDB("power", top_db=100)(spectrogram(x))

    x = music(6000)
    tensors = {"input": x, "other": reference(x, 22050, 2048, 441, 80, 30.0, 10000.0)}
    for length in [513, 1023, 1024, 1025, 6000]:
        tensors[f"first.{length}"] = reference(x[:length])
    for length in [1, 100, 512]:
        padded = torch.nn.functional.pad(x[:length], (0, 513 - length))
        tensors[f"first.{length}"] = reference(padded)
    tensors["silence.2000"] = reference(torch.zeros(2000))
    save("log_mel", tensors)


if __name__ == "__main__":
    print(torch.__version__, torchaudio.__version__)
    for make in [resample, shift, noise, filters, log_mel]:
        make()
