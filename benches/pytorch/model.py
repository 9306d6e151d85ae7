"""The dual encoder in PyTorch, from the paper and CLIP's description of its modified ResNet-50.

Module names are those of our state, so that weights load without a table.
"""
import os

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn


class Bottleneck(nn.Module):
    def __init__(self, inputs, planes, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * 4)
        self.halve = nn.AvgPool2d(2) if stride > 1 else nn.Identity()
        self.downsample = None
        if stride > 1 or inputs != planes * 4:
            self.downsample = nn.ModuleDict(
                {"conv": nn.Conv2d(inputs, planes * 4, 1, bias=False), "bn": nn.BatchNorm2d(planes * 4)}
            )

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.halve(F.relu(self.bn2(self.conv2(y))))
        y = self.bn3(self.conv3(y))
        if self.downsample is not None:
            x = self.downsample["bn"](self.downsample["conv"](self.halve(x)))
        return F.relu(y + x)


class ResNet(nn.Module):
    def __init__(self, width):
        super().__init__()
        half = width // 2
        self.conv1 = nn.Conv2d(1, half, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, half, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv3 = nn.Conv2d(half, width, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        inputs = width
        for stage, blocks in enumerate([3, 4, 6, 3]):
            planes = width << stage
            layer = []
            for block in range(blocks):
                layer.append(Bottleneck(inputs, planes, 2 if stage and not block else 1))
                inputs = planes * 4
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layer))

    def forward(self, x):
        for i in (1, 2, 3):
            x = F.relu(getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x)))
        x = F.avg_pool2d(x, 2)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class AttentionPool(nn.Module):
    def __init__(self, positions, channels, hidden):
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.zeros(positions + 1, channels))
        self.q_proj = nn.Linear(channels, channels)
        self.k_proj = nn.Linear(channels, channels)
        self.v_proj = nn.Linear(channels, channels)
        self.c_proj = nn.Linear(channels, hidden)

    def forward(self, x, heads=8):
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([x.mean(1, keepdim=True), x], 1) + self.positional_embedding
        b, n, c = x.shape
        split = lambda y: y.view(b, -1, heads, c // heads).transpose(1, 2)
        q, k, v = split(self.q_proj(x[:, :1])), split(self.k_proj(x)), split(self.v_proj(x))
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, c)
        return self.c_proj(y)


class AudioEncoder(nn.Module):
    def __init__(self, width, positions, hidden=256):
        super().__init__()
        self.resnet = ResNet(width)
        self.pool = AttentionPool(positions, 32 * width, hidden)

    def forward(self, mel):
        return self.pool(self.resnet(mel.unsqueeze(1)))


class Norm(nn.LayerNorm):
    """Our state calls its parameters gamma and beta."""

    def _load_from_state_dict(self, state, prefix, *args):
        for theirs, ours in (("weight", "gamma"), ("bias", "beta")):
            state[prefix + theirs] = state.pop(prefix + ours)
        super()._load_from_state_dict(state, prefix, *args)


class Layer(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.attention_norm = Norm(width)
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.out_projection = nn.Linear(width, width)
        self.mlp_norm = Norm(width)
        self.mlp_in = nn.Linear(width, 4 * width)
        self.mlp_out = nn.Linear(4 * width, width)
        self.heads, self.p = heads, dropout

    def forward(self, x):
        b, n, w = x.shape
        q, k, v = self.to_qkv(self.attention_norm(x)).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        p = self.p if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=p).transpose(1, 2).reshape(b, n, w)
        x = x + self.out_projection(y)
        y = F.dropout(F.gelu(self.mlp_in(self.mlp_norm(x))), self.p, self.training)
        return x + F.dropout(self.mlp_out(y), self.p, self.training)


class TextEncoder(nn.Module):
    def __init__(self, depth=4, width=512, heads=8, vocabulary=49408, context=77, dropout=0.2):
        super().__init__()
        self.token_embedding = nn.Parameter(torch.zeros(vocabulary, width))
        self.position_embedding = nn.Parameter(torch.zeros(context, width))
        self.layers = nn.Sequential(*[Layer(width, heads, dropout) for _ in range(depth)])
        self.norm_out = Norm(width)

    def forward(self, ids, ends):
        x = self.token_embedding[ids] + self.position_embedding[: ids.shape[1]]
        x = self.layers(x)
        return self.norm_out(x[torch.arange(len(ids)), ends])


class DualEncoder(nn.Module):
    def __init__(self, width, positions, text_width=512, dim=512):
        super().__init__()
        self.audio = AudioEncoder(width, positions)
        self.text = TextEncoder()
        self.audio_projection = nn.Linear(256, dim, bias=False)
        self.text_projection = nn.Linear(text_width, dim, bias=False)
        self.logit_scale = nn.Parameter(torch.zeros(1))

    def embed_audio(self, mel):
        return F.normalize(self.audio_projection(self.audio(mel)), dim=-1)

    def embed_text(self, ids, ends):
        return F.normalize(self.text_projection(self.text(ids, ends)), dim=-1)


def load(folder):
    """The model with our weights, and the inputs, as our side has exported them."""
    weights, inputs = (load_file(os.path.join(folder, f"{name}.safetensors")) for name in ("weights", "inputs"))
    width = weights["audio.resnet.conv3.weight"].shape[0]
    model = DualEncoder(width, weights["audio.pool.positional_embedding"].shape[0] - 1)
    missing, surplus = model.load_state_dict(weights, strict=False)
    assert not surplus and all("num_batches" in name for name in missing), (missing, surplus)
    return model, inputs


def fold(model):
    """Batch norms folded into convolutions, as PyTorch's own fuser does it."""
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    def pairs(module):
        names = [name for name, child in module.named_children() if isinstance(child, nn.Conv2d)]
        for name in names:
            norm = "bn" if name == "conv" else name.replace("conv", "bn")
            fused = fuse_conv_bn_eval(module[name] if isinstance(module, nn.ModuleDict) else getattr(module, name),
                                      module[norm] if isinstance(module, nn.ModuleDict) else getattr(module, norm))
            if isinstance(module, nn.ModuleDict):
                module[name], module[norm] = fused, nn.Identity()
            else:
                setattr(module, name, fused)
                setattr(module, norm, nn.Identity())

    for module in list(model.modules()):
        pairs(module)
    return model
