"""Another engine's side: embeds what it is told to, one JSON object per line, on standard input. `compare.py` drives it.

    peers.py ENGINE FOLDER WORK

ENGINE is eager, compile or onnx; FOLDER a LAION-CLAP model in the hub's layout; exported graphs are kept in WORK.
"""
import json
import os
import sys
import time

import numpy as np
import torch
from transformers import ClapModel
from transformers.utils import logging

FRAMES, BANDS = 1001, 64


class Audio(torch.nn.Module):
    """Log-mel spectrograms `[1, 1, frames, bands]` to unit vectors."""

    def __init__(self, clap):
        super().__init__()
        self.tower, self.head = clap.audio_model, clap.audio_projection

    def forward(self, x):
        return torch.nn.functional.normalize(self.head(self.tower(input_features=x).pooler_output), dim=-1)


class Text(torch.nn.Module):
    """Tokens of one text, `[1, length]`, to unit vectors."""

    def __init__(self, clap):
        super().__init__()
        self.tower, self.head = clap.text_model, clap.text_projection

    def forward(self, x):
        return torch.nn.functional.normalize(self.head(self.tower(input_ids=x).pooler_output), dim=-1)


def module(kind, folder):
    clap = ClapModel.from_pretrained(folder).eval()
    return Audio(clap) if kind == "audio" else Text(clap)


def session(kind, folder, work, x):
    """ONNX Runtime, with a graph of its own for each shape of the input."""
    import onnxruntime

    path = os.path.join(work, f"{kind}-{x.shape[-2 if kind == 'audio' else -1]}", "model.onnx")
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with torch.no_grad():
            torch.onnx.export(module(kind, folder), (x,), path, dynamo=True, verbose=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = torch.get_num_threads()
    made = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name, values = made.get_inputs()[0].name, x.numpy()
    return lambda: made.run(None, {name: values})[0]


def runner(engine, kind, folder, work, x):
    if engine == "onnx":
        return session(kind, folder, work, x)
    network = module(kind, folder)
    if engine == "compile":
        network = torch.compile(network, dynamic=False)

    def run():
        with torch.inference_mode():
            return network(x).numpy()

    return run


def main():
    engine, folder, work = sys.argv[1:]
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    # What libraries print must not get among the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    ready = {}
    for line in sys.stdin:
        case = json.loads(line)
        key = case.get("log_mel") or tuple(case["tokens"])
        if key not in ready:
            ready.clear()
            if "log_mel" in case:
                values = np.fromfile(case["log_mel"], dtype=np.float32).reshape(BANDS, FRAMES)
                x = torch.from_numpy(values.T.copy()).reshape(1, 1, FRAMES, BANDS)
            else:
                x = torch.tensor([case["tokens"]])
            ready[key] = runner(engine, "audio" if "log_mel" in case else "text", folder, work, x)
            # Compiles, and lets engines lay out their memory.
            ready[key]()
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(case["rounds"]):
            vector = ready[key]()
        wall, cpu = ((now - then) / case["rounds"] for now, then in ((time.perf_counter(), wall), (time.process_time(), cpu)))
        print(json.dumps({"wall": wall, "cpu": cpu, "vector": vector[0].tolist()}), file=answers, flush=True)


main()
