"""Tiny checkpoints as Meta saves Llama, and what Meta's model computes from them.

Written from the model's definition alone: every process of model parallelism has a file of its
own, computes with it, and the parts are summed or joined. Rotation multiplies complex numbers
made of neighbouring features.
"""

import json
import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F

LAYERS = 2


@dataclass
class Meta:
    name: str
    dim: int
    heads: int
    kv_heads: int
    vocab: int
    by_tokens: bool            # Llama 3: a process has the embeddings of some tokens
    params: dict = field(default_factory=dict)
    dtype: torch.dtype = torch.float32

    def all_params(self):
        return {"dim": self.dim, "n_layers": LAYERS, "n_heads": self.heads, "norm_eps": 1e-5, **self.params}

    def hidden(self):
        """The size of the feed-forward layer, in Python's own arithmetic."""
        size = int(2 * (4 * self.dim) / 3)
        if self.params.get("ffn_dim_multiplier") is not None:
            size = int(self.params["ffn_dim_multiplier"] * size)
        multiple = self.params.get("multiple_of", 256)
        return multiple * ((size + multiple - 1) // multiple)

    def whole(self):
        """The tensors before they are cut."""
        generator = torch.Generator().manual_seed(sum(map(ord, self.name)))

        def some(*shape, scale=0.2):
            return (torch.randn(shape, generator=generator) * scale).to(self.dtype)

        d, i, head = self.dim, self.hidden(), self.dim // self.heads
        out = {"tok_embeddings.weight": some(self.vocab, d), "norm.weight": 1 + some(d),
               "output.weight": some(self.vocab, d)}
        for n in range(LAYERS):
            at = f"layers.{n}."
            out[at + "attention.wq.weight"] = some(d, d)
            out[at + "attention.wk.weight"] = some(self.kv_heads * head, d)
            out[at + "attention.wv.weight"] = some(self.kv_heads * head, d)
            out[at + "attention.wo.weight"] = some(d, d)
            out[at + "feed_forward.w1.weight"] = some(i, d)
            out[at + "feed_forward.w2.weight"] = some(d, i)
            out[at + "feed_forward.w3.weight"] = some(i, d)
            out[at + "attention_norm.weight"] = 1 + some(d)
            out[at + "ffn_norm.weight"] = 1 + some(d)
        return out

    def cut_dim(self, name):
        """Along which dim a tensor is cut; None: each process has all of it."""
        if "norm" in name:
            return None
        if "tok_embeddings" in name:
            return 0 if self.by_tokens else 1
        return 1 if ".wo." in name or ".w2." in name else 0

    def shards(self, n):
        out = [{} for _ in range(n)]
        for name, whole in self.whole().items():
            dim = self.cut_dim(name)
            parts = [whole.clone() for _ in range(n)] if dim is None else whole.chunk(n, dim)
            for shard, part in zip(out, parts, strict=True):
                shard[name] = part.clone()
        return out

    def save(self, path, n):
        path.mkdir(parents=True)
        for k, shard in enumerate(self.shards(n)):
            half = self.dim // self.heads // 2
            freqs = 1 / 10000.0 ** (torch.arange(half) / half)
            torch.save({**shard, "rope.freqs": freqs}, path / f"consolidated.{k:02}.pth")
        (path / "params.json").write_text(json.dumps(self.all_params()))
        return path


SCALED = dict(n_kv_heads=4, vocab_size=65600, multiple_of=16, ffn_dim_multiplier=1.3, rope_theta=500000.0)
MODELS = {m.name: m for m in [
    Meta("llama-1", 32, 8, 8, 96, False, dict(vocab_size=-1, multiple_of=32)),
    Meta("llama-2", 48, 8, 4, 96, False, dict(n_kv_heads=4, vocab_size=-1, multiple_of=16, ffn_dim_multiplier=1.3),
         dtype=torch.float16),
    Meta("code-llama", 32, 8, 8, 96, False, dict(rope_theta=1000000.0, vocab_size=96)),
    Meta("llama-3", 32, 8, 4, 65600, True, SCALED, dtype=torch.bfloat16),
    Meta("llama-3.2", 32, 8, 4, 65600, True, dict(SCALED, use_scaled_rope=True, ffn_dim_multiplier=0.5)),
]}


def load(path):
    return [torch.load(f, weights_only=True) for f in sorted(path.glob("consolidated.*.pth"))]


def frequencies(params, head):
    theta, freqs = params.get("rope_theta", 10000.0), []
    for k in range(0, head, 2):
        f = theta ** (-k / head)
        if params.get("use_scaled_rope"):  # Llama 3.2: long waves turn 32 times slower
            turns = 8192 * f / (2 * math.pi)
            keep = min(max((turns - 1) / (4 - 1), 0), 1)
            f = (1 - keep) * f / 32 + keep * f
        freqs.append(f)
    return torch.tensor(freqs, dtype=torch.float64)


def rotate(x, freqs):
    """x [tokens, heads, features]: neighbours are one complex number."""
    angles = torch.outer(torch.arange(x.shape[0], dtype=torch.float64), freqs)
    turned = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2)) * torch.polar(torch.ones_like(angles), angles)[:, None]
    return torch.view_as_real(turned).flatten(2)


def norm(x, weight, eps):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight


def attention(shard, at, x, heads, kv_heads, head, freqs):
    """One process: its own heads."""
    n = x.shape[0]
    q = rotate((x @ shard[at + "wq.weight"].T).view(n, heads, head), freqs)
    k = rotate((x @ shard[at + "wk.weight"].T).view(n, kv_heads, head), freqs)
    v = (x @ shard[at + "wv.weight"].T).view(n, kv_heads, head)
    k, v = (t.repeat_interleave(heads // kv_heads, dim=1) for t in (k, v))
    scores = torch.einsum("qhd,khd->hqk", q, k) / math.sqrt(head)
    scores = scores + torch.full((n, n), -math.inf, dtype=x.dtype).triu(1)
    out = torch.einsum("hqk,khd->qhd", scores.softmax(-1), v)
    return out.reshape(n, heads * head) @ shard[at + "wo.weight"].T


def logits(shards, params, tokens, by_tokens):
    """What Meta's model computes for one row of tokens, in float64."""
    shards = [{k: v.double() for k, v in s.items()} for s in shards]
    heads, kv_heads = params["n_heads"], params.get("n_kv_heads") or params["n_heads"]
    head, n = params["dim"] // heads, len(shards)
    freqs, eps = frequencies(params, head), params["norm_eps"]
    table = torch.cat([s["tok_embeddings.weight"] for s in shards], 0 if by_tokens else 1)
    x = table[tokens]
    for layer in range(params["n_layers"]):
        at = f"layers.{layer}."
        y = norm(x, shards[0][at + "attention_norm.weight"], eps)
        x = x + sum(attention(s, at + "attention.", y, heads // n, kv_heads // n, head, freqs) for s in shards)
        y = norm(x, shards[-1][at + "ffn_norm.weight"], eps)
        for s in shards:
            gate, up = (y @ s[at + f"feed_forward.{w}.weight"].T for w in ("w1", "w3"))
            x = x + (F.silu(gate) * up) @ s[at + "feed_forward.w2.weight"].T
    x = norm(x, shards[0]["norm.weight"], eps)
    return torch.cat([x @ s["output.weight"].T for s in shards], -1)
