"""The settings that a search draws: its own draws, or those of one of Optuna's samplers."""
import importlib.util
import sys
import zlib

import optuna
from common import fail


def generator(seed, number):
    """Yields numbers in [0,1) from the upper 53 bits of C++'s std::mt19937_64 with std::seed_seq{seed, number}."""
    words, word = [seed & 0xFFFFFFFF, seed >> 32, number & 0xFFFFFFFF, number >> 32], 0xFFFFFFFF
    n, t, s = 624, 11, 4
    p, q, b = (n - t) // 2, (n - t) // 2 + t, [0x8B8B8B8B] * n
    mix = lambda x: x ^ x >> 27
    for k in range(n):
        r = 1664525 * mix(b[k] ^ b[(k + p) % n] ^ b[k - 1]) & word
        b[(k + p) % n] = b[(k + p) % n] + r & word
        b[k] = r + (s if k == 0 else k + words[k - 1] if k <= s else k) & word
        b[(k + q) % n] = b[(k + q) % n] + b[k] & word
    for k in range(n, 2 * n):
        r = 1566083941 * mix(b[k % n] + b[(k + p) % n] + b[(k - 1) % n] & word) & word
        b[(k + p) % n] ^= r
        b[k % n] = r - k % n & word
        b[(k + q) % n] ^= b[k % n]
    x = [b[2 * k] | b[2 * k + 1] << 32 for k in range(312)]
    for k in range(156):  # the first half of the first block
        y = x[k] & ~0x7FFFFFFF | x[k + 1] & 0x7FFFFFFF
        z = x[k + 156] ^ y >> 1 ^ (0xB5026F5AA96619E9 if y & 1 else 0)
        z ^= z >> 29 & 0x5555555555555555
        z ^= z << 17 & 0x71D67FFFEDA60000
        z ^= z << 37 & 0xFFF7EEE000000000
        yield ((z ^ z >> 43) >> 11) * 2.0**-53


def drawn(plan, number):
    """Returns the settings of a trial, a function of the seed and the trial's number."""
    out = {}
    for (name, d), u in zip(distributions(plan).items(), generator(plan["seed"], number)):
        if isinstance(d, optuna.distributions.CategoricalDistribution):
            out[name] = d.choices[int(u * len(d.choices))]
        else:
            out[name] = min(d.high, d.low * (d.high / d.low) ** u) if d.log else d.low + u * (d.high - d.low)
    return out


def distributions(plan):
    out = {}
    for name, [(how, of)] in ((name, draw.items()) for name, draw in plan["draws"].items()):
        out[name] = (optuna.distributions.CategoricalDistribution(of) if how == "choice" else
                     optuna.distributions.FloatDistribution(of[0], of[1], log=how == "log_uniform"))
    return out


class Draws(optuna.samplers.BaseSampler):
    def __init__(self, plan):
        self.plan = plan

    def infer_relative_search_space(self, study, trial):
        return {}

    def sample_relative(self, study, trial, search_space):
        return {}

    def sample_independent(self, study, trial, name, distribution):
        return drawn(self.plan, trial.number)[name]


def sampler(plan, number):
    """Returns a sampler seeded by the trial's number, so that no two workers draw the same."""
    seed = zlib.crc32(f"{plan['seed']} {number}".encode())
    if plan["sampler"] == "random":
        return Draws(plan)
    needs = {"cmaes": ["cmaes"], "gp": ["torch", "scipy"]}.get(plan["sampler"], [])
    missing = [module for module in needs if importlib.util.find_spec(module) is None]
    if missing:
        fail(f"given --sampler {plan['sampler']} without {' and '.join(missing)}, expected a Python with both Optuna and "
             f"it; install it with\n  {sys.executable} -m pip install {' '.join(missing)}")
    kinds = {"tpe": optuna.samplers.TPESampler, "cmaes": optuna.samplers.CmaEsSampler, "gp": optuna.samplers.GPSampler}
    return kinds[plan["sampler"]](seed=seed)
