"""Solves z = f(z) per sample in JAX, with a fixed number of evaluations, as `stillpoint bench` does.

Each solver returns the evaluated iterate with the smallest residual. A state is (N, ...); inside it is (N, D).
"""
import jax.numpy as jnp
from jax import lax


def evaluate(f, z, shape, best, relative):
    """Returns g = f(z) - z, and `best` = (residual, iterate) after judging z."""
    value = f(z.reshape(shape)).reshape(z.shape)
    g = value - z
    size = jnp.sum(g * g, 1)
    if relative:
        size = jnp.sqrt(size) / (jnp.sqrt(jnp.sum(value * value, 1)) + 1e-9)
    least, at = best
    better = size < least
    return g, (jnp.where(better, size, least), jnp.where(better[:, None], z, at))


def start(z0):
    """Returns z0 as (N,D) and the best iterate before any was judged."""
    z = z0.reshape(z0.shape[0], -1)
    return z, (jnp.full(z.shape[:1], jnp.inf), z)


def broyden(f, z0, evaluations, relative=False):
    """Broyden's good method with padded histories: rows that are not there yet are zero."""
    z, best = start(z0)
    g, best = evaluate(f, z, z0.shape, best, relative)
    rows = jnp.zeros((len(z), max(evaluations - 2, 1), z.shape[1]), z.dtype)

    def update(k, state):
        z, p, best, u, v = state
        g, best = evaluate(f, z, z0.shape, best, relative)
        q = g - jnp.einsum("nk,nkd->nd", jnp.einsum("nkd,nd->nk", v, g), u)
        new_v = jnp.einsum("nk,nkd->nd", jnp.einsum("nkd,nd->nk", u, p), v) - p
        squares, along = jnp.sum(p * p, 1, keepdims=True), jnp.sum(new_v * g, 1, keepdims=True)
        u, v = u.at[:, k].set(q / (along + squares)), v.at[:, k].set(new_v)
        p = q * (squares / (along + squares))
        return z + p, p, best, u, v

    if evaluations > 1:
        state = lax.fori_loop(0, evaluations - 2, update, (z + g, g, best, rows, rows))
        z, best = state[0], state[2]
        _, best = evaluate(f, z, z0.shape, best, relative)
    return best[1].reshape(z0.shape)


def anderson(f, z0, evaluations, relative=False, memory=6, regularisation=1e-4):
    """Anderson's method with weights that sum to 1; the regularisation is relative to the mean of ||g||^2."""
    z, best = start(z0)
    states, residuals = [], []
    for step in range(evaluations):
        g, best = evaluate(f, z, z0.shape, best, relative)
        if step + 1 == evaluations:
            break
        states, residuals = (states + [z])[-memory:], (residuals + [g])[-memory:]
        rows = jnp.stack(residuals, 1)
        gram = jnp.einsum("nid,njd->nij", rows, rows)
        lam = regularisation * jnp.trace(gram, axis1=1, axis2=2) / len(states)
        weights = jnp.linalg.solve(gram + lam[:, None, None] * jnp.eye(len(states)), jnp.ones((*gram.shape[:2], 1)))
        weights = weights / jnp.sum(weights, 1, keepdims=True)
        z = jnp.sum(weights * (jnp.stack(states, 1) + rows), 1)
    return best[1].reshape(z0.shape)


def picard(f, z0, evaluations, relative=False):
    """Plain iteration."""
    z, best = start(z0)
    for _ in range(evaluations):
        g, best = evaluate(f, z, z0.shape, best, relative)
        z = z + g
    return best[1].reshape(z0.shape)


SOLVERS = {"broyden": broyden, "anderson": anderson, "picard": picard}
