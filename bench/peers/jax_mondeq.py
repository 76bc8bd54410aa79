"""The gradients of the monDEQ with one convolution in JAX, by Peaceman and Rachford's splitting."""
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from peer import PeerError


def flipped(w):
    """Returns the kernel of the transposed circular convolution."""
    return w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)


def mondeq_gradients(problem, p, buffers, x, y):
    """Returns the loss and the gradients."""
    if "tiers.1.a" in p or problem.sizes["solver"] != "peaceman-rachford":
        raise PeerError("given more than one tier or forward-backward splitting, expected one tier and "
                        "peaceman-rachford, choose the peer torch")
    n, side, alpha, count = len(x), x.shape[2] + 2, buffers["alpha"], problem.sizes["evaluations"]
    frame = np.pad(np.ones((side - 2, side - 2), np.float32), 1)
    rows = np.exp(2j * np.pi * np.outer(np.arange(side), [-1, 0, 1]) / side).astype(np.complex64)

    def spectrum(w):  # (O,I,3,3) -> (rows,columns,O,I)
        return jnp.einsum("oiyx,ly,mx->lmoi", w.astype(jnp.complex64), rows, rows[:side // 2 + 1])

    def w_hat(p):
        a = p["tiers.0.a"] * jnp.sqrt(jnp.maximum(p["tiers.0.g"], 1e-6) / jnp.sum(jnp.square(p["tiers.0.a"])))
        b = p["tiers.0.b"] * (p["tiers.0.h"] / jnp.sqrt(jnp.sum(jnp.square(p["tiers.0.b"]))))
        a = spectrum(a)
        return spectrum(b - flipped(b)) - jnp.einsum("lmji,lmjo->lmio", jnp.conj(a), a)

    def apply(blocks, h):
        s = jnp.einsum("lmoi,nilm->nolm", blocks, jnp.fft.rfft2(h))
        return jnp.fft.irfft2(s, s=(side, side))

    def inject(p):
        padded = jnp.pad(jnp.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), ((0, 0), (0, 0), (1, 1), (1, 1)), mode="wrap")
        return lax.conv_general_dilated(padded, p["inject.w"], (1, 1), "VALID") + p["inject.b"][:, None, None]

    def solve(blocks, drift, prox):
        def body(_, u):
            middle = 2 * prox(u) - u
            return 2 * apply(blocks, middle + drift) - middle
        return prox(lax.fori_loop(0, count, body, jnp.zeros((n, p["tiers.0.a"].shape[0], side, side), jnp.float32)))

    def loss(z, p):
        cells = side // 4
        z = z[:, :, :4 * cells, :4 * cells].reshape(n, -1, cells, 4, cells, 4).mean((3, 5)).reshape(n, -1)
        return problem.loss_of(z @ p["out.w"].T + p["out.b"], y)

    w = w_hat(p)
    inverse = jnp.linalg.inv((1 + alpha) * jnp.eye(w.shape[-1]) - alpha * w)
    z = solve(inverse, alpha * inject(p), lambda u: jax.nn.relu(u) * frame)
    pre, back = jax.vjp(lambda p: apply(w_hat(p), z) + inject(p), p)
    value = jax.nn.relu(pre) * frame
    result, (g, of_output) = jax.value_and_grad(loss, (0, 1))(value, p)
    adjoint = solve(jnp.conj(inverse).swapaxes(-1, -2), 0.0, lambda u: jnp.where(value > 0, u + alpha * g, 0))
    return result, jax.tree.map(jnp.add, of_output, back(adjoint)[0])
