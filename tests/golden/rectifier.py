#!/usr/bin/env python3
"""The third step of average/ in float64, as it is and with one rectifier on the other side.

    tests/golden/rectifier.py        # with torch, safetensors and numpy, as benches/pytorch/compare.py installs them

At the second step one input of a rectifier is so near to zero that float32 decides its sign by rounding. Prints the smallest
inputs there, and how far the losses of both ways are from those that the released implementation computed.
"""
import json
import math
import os
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../benches/pytorch"))
from model import DualEncoder, TextEncoder

STEP = 1  # at which it matters
LAYERS = [("transformer.layers.0.0.norm.", "layers.0.attention_norm."), ("transformer.layers.0.0.fn.", "layers.0."),
          ("transformer.layers.0.1.norm.", "layers.0.mlp_norm."), ("transformer.layers.0.1.fn.mlp.0.", "layers.0.mlp_in."),
          ("transformer.layers.0.1.fn.mlp.3.", "layers.0.mlp_out."), ("token_embedding.weight", "token_embedding"),
          ("position_embedding.weight", "position_embedding"), ("transformer.norm_out.", "norm_out.")]

tensors, released = (load_file(os.path.join(HERE, "average", f"{name}.safetensors")) for name in ("tensors", "weights"))
config = json.load(open(os.path.join(HERE, "average/config.json")))


def renamed(name):
    """A name of the released state in benches/pytorch/model.py; its norms are loaded by our names."""
    name = name.replace("audio_backbone.final_linear.", "audio.pool.").replace("audio_backbone.", "audio.resnet.")
    name = name.replace("downsample.0.", "downsample.conv.").replace("downsample.1.", "downsample.bn.")
    if name.startswith("textual_head."):
        name = "text." + name.removeprefix("textual_head.")
        for old, new in LAYERS:
            name = name.replace(old, new)
        if "norm" in name:
            name = name.replace(".weight", ".gamma").replace(".bias", ".beta")
    return name


def log_mel(audio):
    window, bank = (released[f"audio_backbone.spec.{name}"].double() for name in ("spectrogram.window", "mel_scale.fb"))
    n_fft = config["audio"]["n_fft"]
    spectrum = torch.stft(audio.double(), n_fft, n_fft // 2, window=window, pad_mode="reflect", return_complex=True)
    power = (spectrum.abs() ** 2 / (window ** 2).sum()).transpose(1, 2).matmul(bank).transpose(1, 2)
    decibels = 10 * power.clamp(min=1e-10).log10()
    return decibels.maximum(decibels.amax((1, 2), keepdim=True) - 100)


def model():
    own = DualEncoder(config["audio"]["conv_out_channels"], 1, config["text"]["hidden_size"], config["projection_dim"])
    channels = 32 * config["audio"]["conv_out_channels"]
    own.audio.pool = torch.nn.Linear(channels, config["audio"]["hidden_size"])
    text = config["text"]
    own.text = TextEncoder(1, text["hidden_size"], text["num_attention_heads"], text["vocab_size"], 77, text["dropout"])
    # The module has one norm at the end where the released one names two.
    skipped = ("spec.", "ln_final.", "num_batches")
    state = {renamed(name): value.double() for name, value in released.items() if not any(s in name for s in skipped)}
    state["logit_scale"] = state["logit_scale"].reshape(1)
    missing, surplus = own.double().load_state_dict(state, strict=False)
    assert not surplus and all("num_batches" in name for name in missing), (missing, surplus)
    return own.train()


def steps(flipped):
    own = model()
    block, now = own.audio.resnet.layer4[1], {"step": 0}

    def forward(x):
        y = block.bn1(block.conv1(x))
        gates = y > 0
        if now["step"] == STEP:
            smallest, where = y.detach().abs().flatten().sort()
            now["smallest"] = smallest[:3].tolist()
            if flipped:
                gates.view(-1)[where[0]] ^= True
        y = F.relu(block.bn2(block.conv2(y * gates)))
        return F.relu(block.bn3(block.conv3(y)) + x)

    block.forward = forward
    optimizer = torch.optim.AdamW(own.parameters(), lr=1e-3, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.2)
    count, differences = len(tensors["steps.losses"]), []
    for step in range(count):
        now["step"] = step
        features = own.audio.resnet(log_mel(tensors["steps.audio"][step]).unsqueeze(1)).mean((2, 3))
        audio = F.normalize(own.audio_projection(own.audio.pool(features)), dim=-1)
        ids = tensors["steps.tokens"][step].long()
        logits = own.logit_scale.exp() * audio @ own.embed_text(ids, ids.argmax(1)).T
        right = torch.arange(len(ids))
        loss = (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2
        differences.append(loss.item() - tensors["steps.losses"][step].item())
        optimizer.param_groups[0]["lr"] = 1e-3 * 0.5 * (1 + math.cos(math.pi * step / (2 * count)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return differences, now["smallest"]


for flipped in (False, True):
    differences, smallest = steps(flipped)
    print("the other way" if flipped else "as it is", ["%.2e" % difference for difference in differences], "off;",
          "smallest inputs", ["%.1e" % value for value in smallest])
