"""Writes crnn.safetensors: the recurrent encoder of the DCASE baseline in PyTorch, small, with random weights.

Written from the description of the baseline (channels, pools, recurrent layer, masked mean), with PyTorch's own layers;
run with `python make_crnn_golden.py`.
"""

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

CHANNELS, RECURRENT, MELS, FRAMES = 2, 6, 64, 43
VALID = [43, 17, 1]

torch.manual_seed(3)
widths = [1, CHANNELS] + [4 * CHANNELS] * 4
norms = nn.ModuleList(nn.BatchNorm2d(c) for c in widths[:-1])
convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in zip(widths, widths[1:]))
for norm in norms:
    nn.init.uniform_(norm.weight, 0.5, 1.5)
    nn.init.normal_(norm.bias, std=0.2)
    nn.init.normal_(norm.running_mean, std=0.2)
    nn.init.uniform_(norm.running_var, 0.5, 2.0)
gru = nn.GRU(4 * CHANNELS, RECURRENT, bidirectional=True, batch_first=True)
pools = [nn.LPPool2d(4, (2, 4)), None, nn.LPPool2d(4, (2, 4)), None, nn.LPPool2d(4, (1, 4))]  # (time, mel)


def forward(mel):
    """mel: [batch, mels, frames]."""
    x = mel.transpose(1, 2).unsqueeze(1)
    for norm, conv, pool in zip(norms, convs, pools):
        x = F.leaky_relu(conv(norm(x)), 0.1)
        x = pool(x) if pool else x
    x = x.transpose(1, 2).flatten(2)  # [batch, time, channels · mels]
    x, _ = gru(x)
    x = F.interpolate(x.transpose(1, 2), FRAMES, mode="linear", align_corners=False)
    mask = (torch.arange(FRAMES)[None] < torch.tensor(VALID)[:, None]).float()[:, None]
    return (x * mask).sum(2) / mask.sum(2)


mel = torch.randn(len(VALID), MELS, FRAMES)
norms.eval()
out = {"input.mel": mel, "input.valid": torch.tensor(VALID, dtype=torch.int32), "eval.features": forward(mel)}
for i, norm in enumerate(norms):
    out[f"weight.blocks.{i}.norm.running_mean"] = norm.running_mean.clone()
    out[f"weight.blocks.{i}.norm.running_var"] = norm.running_var.clone()
norms.train()
trained = forward(mel)
trained.square().sum().backward()
out["train.features"] = trained
for i, (norm, conv) in enumerate(zip(norms, convs)):
    # A convolution over (time, mel) is one over (mel, time) with its kernel turned.
    tensors = {"conv.weight": conv.weight.transpose(2, 3), "norm.weight": norm.weight, "norm.bias": norm.bias}
    for name, tensor in tensors.items():
        out[f"weight.blocks.{i}.{name}"] = tensor
    out[f"grad.blocks.{i}.conv.weight"] = conv.weight.grad.transpose(2, 3)
    out[f"grad.blocks.{i}.norm.weight"] = norm.weight.grad
for direction, suffix in [("forward", ""), ("backward", "_reverse")]:
    for name in ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]:
        parameter = getattr(gru, f"{name}_l0{suffix}")
        out[f"weight.{direction}.{name}"] = parameter
        out[f"grad.{direction}.{name}"] = parameter.grad
out = {name: tensor.detach().clone().contiguous() for name, tensor in out.items()}

save_file(out, "crnn.safetensors")
