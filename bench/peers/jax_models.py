"""The networks of `stillpoint bench` as functions of their parameters, in JAX.

`p` holds parameters and fixed buffers by the names of `stillpoint bench`. Shapes: N batch, C channels, T positions.
"""
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


class Products:
    """Products of matrices whose operands are rounded to bf16 if asked for."""

    def __init__(self, bf16):
        self.bf16 = bf16

    def linear(self, h, w, b=None):
        """Returns h w^T + b for w (out,in)."""
        y = self.einsum("...i,oi->...o", h, w)
        return y if b is None else y + b

    def einsum(self, formula, *operands):
        if not self.bf16:
            return jnp.einsum(formula, *operands)
        return jnp.einsum(formula, *[a.astype(jnp.bfloat16) for a in operands],
                          preferred_element_type=jnp.float32)


def chain(products, h, maps):
    """Applies linear maps (w, b or None), multiplied out first."""
    w, b = maps[0]
    for next_w, next_b in maps[1:]:
        w, b = next_w @ w, next_b if b is None else (next_w @ b if next_b is None else next_w @ b + next_b)
    return products.linear(h, w, b)


def head(products, p, h, before=()):
    """Returns the output of psi (if the model has it), U V^T, the reverse network and the last map."""
    maps = list(before)
    if "psi.omega" in p:
        omega = p["psi.omega"]
        h = chain(products, h, maps + [(omega, None)])
        h, maps = jnp.concatenate([jnp.cos(h), jnp.sin(h)], -1) * np.float32(omega.shape[0] ** -0.5), []
    maps += [(p["koopman.vt"], None), (p["koopman.u"], None), (p["r.0.w"], p["r.0.b"])]
    h = jax.nn.relu(chain(products, h, maps))
    h = jax.nn.relu(products.linear(h, p["r.1.w"], p["r.1.b"]))
    return chain(products, h, [(p["r.2.w"], p["r.2.b"]), (p["out.w"], p["out.b"])])


def normalised(p, name):
    """Returns g v / ||v||, the norm of each output's row."""
    v, g = p[name + ".v"], p[name + ".g"]
    rows = v.reshape(v.shape[0], -1)
    return (rows * (g / jnp.sqrt(jnp.sum(rows * rows, 1)))[:, None]).reshape(v.shape)


def causal(products, h, w, b, dilation):
    """A dilated convolution of (C,N,T) without later positions: one product with the stacked shifts of h."""
    out, channels, taps = w.shape
    length = h.shape[2]
    padded = jnp.pad(h, ((0, 0), (0, 0), ((taps - 1) * dilation, 0)))
    shifts = jnp.stack([padded[:, :, i * dilation:i * dilation + length] for i in range(taps)])
    y = products.einsum("ok,kp->op", w.transpose(0, 2, 1).reshape(out, -1), shifts.reshape(taps * channels, -1))
    return y.reshape(out, -1, length) + b[:, None, None]


def tcn(products, p, prefix, x):
    """Returns (N T, C) from x (N,1,T)."""
    h, block = x.transpose(1, 0, 2), 0
    while f"{prefix}{block}.conv1.v" in p:
        name = f"{prefix}{block}."
        y = jax.nn.relu(causal(products, h, normalised(p, name + "conv1"), p[name + "conv1.b"], 2 ** block))
        y = jax.nn.relu(causal(products, y, normalised(p, name + "conv2"), p[name + "conv2.b"], 2 ** block))
        if name + "down.w" in p:
            h = causal(products, h, p[name + "down.w"], p[name + "down.b"], 1)
        h, block = jax.nn.relu(y + h), block + 1
    return h.reshape(h.shape[0], -1).T


def sequence_sim(products, p, x):
    """Copy memory's SIM."""
    return head(products, p, tcn(products, p, "phi.tcn.", x), [(p["phi.lift.w"], p["phi.lift.b"])])


def sequence_tcn(products, p, x):
    """Copy memory's TCN."""
    return products.linear(tcn(products, p, "tcn.", x), p["out.w"], p["out.b"])


def pixel_sim(products, p, x):
    """Image regression's SIM: x (N,2) -> (N,3)."""
    if "phi.0.w" not in p:
        return head(products, p, x)
    for layer in ("phi.0", "phi.1"):
        x = jax.nn.relu(products.linear(x, p[layer + ".w"], p[layer + ".b"]))
    return head(products, p, x, [(p["phi.2.w"], p["phi.2.b"])])


def image_sim(products, p, x):
    """Image classification's SIM in training, channels last: (logits, new running statistics)."""
    h, statistics = x.transpose(0, 2, 3, 1), {}
    for i in range(4):
        name = f"phi.conv{i}."
        h = lax.conv_general_dilated(h, p[name + "w"].transpose(2, 3, 1, 0), (1, 1), "SAME",
                                     dimension_numbers=("NHWC", "HWIO", "NHWC")) + p[name + "b"]
        mean, n = jnp.mean(h, (0, 1, 2)), h.size // h.shape[3]
        variance = jnp.mean(jnp.square(h - mean), (0, 1, 2))
        for kind, value in (("norm.mean", mean), ("norm.variance", variance * (n / (n - 1)))):
            statistics[name + kind] = 0.9 * p[name + kind] + 0.1 * lax.stop_gradient(value)
        scale = p[name + "norm.gain"] * lax.rsqrt(variance + 1e-5)
        h = jax.nn.relu(h * scale + (p[name + "norm.shift"] - mean * scale))
        if i % 2 == 1:
            batch, height, width, channels = h.shape
            h = h[:, :height // 2 * 2, :width // 2 * 2].reshape(batch, height // 2, 2, width // 2, 2, channels)
            h = h.max((2, 4))
    h = h.transpose(0, 3, 1, 2).reshape(len(x), -1)
    return head(products, p, products.linear(h, p["phi.lift.w"], p["phi.lift.b"])), statistics


def layer_norm(z):
    """Without parameters."""
    centred = z - jnp.mean(z, -1, keepdims=True)
    return centred * lax.rsqrt(jnp.mean(centred * centred, -1, keepdims=True) + 1e-5)


def deq_bind(products, p, tokens):
    """Returns what the DEQ's f needs beside z, computed once per step."""
    length, features = tokens.shape[1], p["embedding"].shape[1]
    u = products.linear(p["embedding"][tokens] * np.float32(features ** 0.5), p["inject.w"], p["inject.b"])
    angle = np.arange(length - 1, -1, -1.0)[:, None] * 10000 ** (-np.arange(0, features, 2.0) / features)
    # A row of zeros comes first, so that re-viewing the products shifts row i by i places.
    code = np.pad(np.concatenate([np.sin(angle), np.cos(angle)], 1), ((1, 0), (0, 0))).astype(np.float32)
    weights = {name: normalised(p, name) for name in ("qkv", "o", "ffn.0", "ffn.1")}
    return {"u": u, "r": products.linear(code, normalised(p, "r")), **weights,
            **{name: p[name] for name in ("b_w", "b_r", "o.b", "ffn.0.b", "ffn.1.b")}}


def deq_cell(products, z, c):
    """f(z) of the DEQ-Transformer."""
    n, length, d = z.shape
    heads, e = c["b_w"].shape
    qkv = products.linear(layer_norm(z), c["qkv"]) + c["u"]
    q, k, v = qkv.reshape(n, length, 3, heads, e).transpose(2, 0, 3, 1, 4)
    r = c["r"].reshape(length + 1, heads, e)
    places = products.einsum("nhie,jhe->nhij", q + c["b_r"][:, None], r)
    places = places.reshape(n, heads, -1)[:, :, length:].reshape(n, heads, length, length)
    scores = products.einsum("nhie,nhje->nhij", q + c["b_w"][:, None], k) + places
    ahead = np.triu(np.full((length, length), -1e30, np.float32), 1)
    weights = jax.nn.softmax(scores * np.float32(e ** -0.5) + ahead, -1)
    y = products.einsum("nhij,nhje->nihe", weights, v).reshape(n, length, d)
    h = layer_norm(products.linear(y, c["o"], c["o.b"]) + z)
    return h + products.linear(jax.nn.relu(products.linear(h, c["ffn.0"], c["ffn.0.b"])), c["ffn.1"], c["ffn.1.b"])
