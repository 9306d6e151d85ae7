"""The other side: answers the cases that worker.rs answers, with PyTorch."""
import json
import os
import sys
import time

STARTED = time.perf_counter()

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../pytorch"))
from model import load as model_and_inputs

torch.manual_seed(0)
torch.backends.cudnn.benchmark = True
# What our side does on its own.
torch.set_float32_matmul_precision("high")
torch.backends.cudnn.allow_tf32 = True

DTYPES = {"f32": None, "bf16": torch.bfloat16, "f16": torch.float16}
state = {}


def device(case):
    return torch.device("cpu" if case["device"] == "cpu" else case["device"])


def synchronise(case):
    if device(case).type == "cuda":
        torch.cuda.synchronize()


def autocast(case):
    dtype = DTYPES[case["precision"]]
    return torch.autocast(device(case).type, dtype=dtype, enabled=dtype is not None)


def load(case):
    model, inputs = model_and_inputs(case["out"])
    model = model.to(device(case))
    if "channels_last" in case["variant"]:
        model = model.to(memory_format=torch.channels_last)
    clips = inputs["mel"].shape[0]
    mel = inputs["mel"][torch.arange(case["batch"]) % clips]
    return model, mel, inputs["ids"].long()[: case["batch"]], inputs["ends"].long()[: case["batch"]]


def compiled(case, function):
    return torch.compile(function) if "compile" in case["variant"] else function


def timed(case, run):
    synchronise(case)
    times = []
    for _ in range(case["rounds"]):
        start = time.perf_counter()
        run()
        synchronise(case)
        times.append(time.perf_counter() - start)
    return times


def encode(case):
    if "encode" not in state:
        model, mel, _, _ = load(case)
        model.eval()
        state["encode"] = compiled(case, model.embed_audio), mel.to(device(case))
    function, mel = state["encode"]

    def run():
        with torch.inference_mode(), autocast(case):
            return function(mel)

    found = run().float()[:8].flatten().tolist()
    return {"times": timed(case, run), "embeddings": found}


def step(case):
    if "step" not in state:
        model, mel, ids, ends = load(case)
        model.train()
        on_cuda = device(case).type == "cuda"
        matrices = [p for p in model.parameters() if p.ndim >= 2]
        others = [p for p in model.parameters() if p.ndim < 2]
        groups = [{"params": matrices, "weight_decay": 0.2}, {"params": others, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=1e-5, betas=(0.9, 0.98), eps=1e-6, fused=on_cuda)
        scaler = torch.amp.GradScaler(device(case).type, enabled=case["precision"] == "f16")
        if on_cuda:
            mel = mel.pin_memory()

        def forward(mel, ids, ends):
            return model.embed_audio(mel), model.embed_text(ids, ends)

        state["step"] = model, compiled(case, forward), optimizer, scaler, (mel, ids, ends)
    model, forward, optimizer, scaler, inputs = state["step"]
    losses = []

    def run():
        mel, ids, ends = (tensor.to(device(case), non_blocking=True) for tensor in inputs)
        optimizer.zero_grad(set_to_none=True)
        with autocast(case):
            audio, text = forward(mel, ids, ends)
        logits = model.logit_scale.exp() * audio.float() @ text.float().T
        labels = torch.arange(len(logits), device=logits.device)
        loss = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())

    return {"times": timed(case, run), "losses": losses}


for line in sys.stdin:
    case = json.loads(line)
    answer = {"encode": encode, "step": step}[case["case"]](case)
    answer["since_start_s"] = time.perf_counter() - STARTED
    if device(case).type == "cuda":
        answer["memory_mb"] = torch.cuda.max_memory_reserved() >> 20
    print(json.dumps(answer), flush=True)
