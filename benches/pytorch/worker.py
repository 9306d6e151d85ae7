"""The other side: answers the cases that worker.rs answers, with PyTorch."""
import json
import os
import random
import resource
import sys
import time

import torch

# Builds for other CUDA versions are not told apart: nothing here runs on a GPU.
torch.version.cuda = None
from safetensors.torch import load_file

sys.path.insert(0, os.path.dirname(__file__))
from model import fold, load

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
torch.manual_seed(0)


def timed(rounds, run):
    run()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times


def difference(case, name, values):
    ours = load_file(os.path.join(case["data"], f"ours-{name}.safetensors"))[name]
    return float((ours - values.flatten()).abs().max())


def audio(case):
    model, inputs = load(case["data"])
    mel = inputs["mel"][: case["batch"]]
    variant = case.get("variant", "eager")
    if variant == "channels_last":
        model = model.to(memory_format=torch.channels_last)
    if case.get("train"):
        model.train()

        def step():
            for parameter in model.parameters():
                parameter.grad = None
            model.embed_audio(mel)[:, :8].sum().backward()

        return {"times": timed(case["rounds"], step)}
    model.eval()
    if variant == "folded":
        model = fold(model)
    with torch.inference_mode():
        found = difference(case, "audio", model.embed_audio(mel))
        return {"times": timed(case["rounds"], lambda: model.embed_audio(mel)), "difference": found}


def text(case):
    model, inputs = load(case["data"])
    ids, ends = inputs["ids"].long(), inputs["ends"].long()
    if case.get("variant") == "trimmed":
        ids = ids[:, : int(ends.max()) + 1]
    if case.get("train"):
        model.train()

        def step():
            for parameter in model.parameters():
                parameter.grad = None
            model.embed_text(ids, ends)[:, :8].sum().backward()

        return {"times": timed(case["rounds"], step)}
    model.eval()
    with torch.inference_mode():
        found = difference(case, "text", model.embed_text(ids, ends))
        return {"times": timed(case["rounds"], lambda: model.embed_text(ids, ends)), "difference": found}


def log_mel(case):
    import torchaudio

    music = load_file(os.path.join(case["data"], "inputs.safetensors"))["music"]
    mel = torchaudio.transforms.MelSpectrogram(16000, n_fft=1024, hop_length=512, f_min=0.0, f_max=8000.0, n_mels=128, normalized=True)
    db = torchaudio.transforms.AmplitudeToDB(top_db=100.0)
    with torch.inference_mode():
        found = difference(case, "log_mel", db(mel(music)))
        return {"times": timed(case["rounds"], lambda: db(mel(music))), "difference": found}


def crop(path, resample):
    """Random 20 s at 16 kHz, decoding no more than that."""
    import soundfile
    import torchaudio

    with soundfile.SoundFile(path) as file:
        frames = 20 * file.samplerate
        file.seek(random.randrange(max(1, file.frames - frames)))
        samples = torch.from_numpy(file.read(frames, dtype="float32", always_2d=True)).mean(1)
        rate = file.samplerate
    if rate not in resample:
        resample[rate] = torchaudio.transforms.Resample(rate, 16000)
    return resample[rate](samples)[: 20 * 16000]


def load_mp3(case):
    import torchaudio

    mel = torchaudio.transforms.MelSpectrogram(16000, n_fft=1024, hop_length=512, f_min=0.0, f_max=8000.0, n_mels=128, normalized=True)
    db = torchaudio.transforms.AmplitudeToDB(top_db=100.0)
    resample = {}

    def run():
        db(mel(crop(case["path"], resample)))

    with torch.inference_mode():
        return {"times": timed(case["rounds"], run)}


def pitch_shift(case):
    from torch_pitch_shift import pitch_shift as shift
    from fractions import Fraction

    music = load_file(os.path.join(case["data"], "inputs.safetensors"))["music"]
    with torch.inference_mode():
        return {"times": timed(case["rounds"], lambda: shift(music[None, None], Fraction(4, 5), 16000))}


class Clips(torch.utils.data.Dataset):
    """Random crops with noise and pitch shift, as the released recipe draws them."""

    def __init__(self, path, count):
        import torch_audiomentations as augment

        self.path, self.count, self.resample = path, count, {}
        self.augment = augment.Compose(
            [
                augment.AddColoredNoise(p=0.3, sample_rate=16000, output_type="tensor"),
                augment.PitchShift(p=0.4, sample_rate=16000, output_type="tensor"),
            ],
            output_type="tensor",
        )

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return self.augment(crop(self.path, self.resample)[None, None], sample_rate=16000)[0, 0]


def whole_steps(case):
    """Decoding, augmentation, both encoders, loss, AdamW. The first two steps are not counted."""
    import torchaudio

    model, inputs = load(case["data"])
    if case.get("variant") == "channels_last":
        model = model.to(memory_format=torch.channels_last)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.2, fused=True)
    mel = torchaudio.transforms.MelSpectrogram(16000, n_fft=1024, hop_length=512, f_min=0.0, f_max=11025.0, n_mels=128, normalized=True)
    db = torchaudio.transforms.AmplitudeToDB(top_db=100.0)
    batch = case["batch"]
    ids, ends = inputs["ids"].long()[:batch], inputs["ends"].long()[:batch]
    clips = torch.utils.data.DataLoader(Clips(case["path"], 8 * batch), batch_size=batch, num_workers=case["threads"])
    times, start = [], time.perf_counter()
    for audio in clips:
        with torch.no_grad():
            features = db(mel(audio))
        scores = model.logit_scale.exp() * model.embed_audio(features) @ model.embed_text(ids, ends).T
        labels = torch.arange(batch)
        cross_entropy = torch.nn.functional.cross_entropy
        loss = (cross_entropy(scores, labels) + cross_entropy(scores.T, labels)) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
        start = time.perf_counter()
    return {"times": times[2:]}


CASES = {"whole": whole_steps, "audio": audio, "text": text, "log_mel": log_mel, "load": load_mp3, "pitch_shift": pitch_shift}
for line in sys.stdin:
    case = json.loads(line)
    answer = CASES[case["case"]](case)
    answer["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(answer), flush=True)
