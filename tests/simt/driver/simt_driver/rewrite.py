"""Rewrites a preprocessed CUDA source into C++."""
from simt_driver.kernels import rewrite_kernel, rewrite_ptx
from simt_driver.launches import emit, find_launches
from simt_driver.shared import rewrite_shared


def drop_qualifiers(source):
    """Leaves out the qualifiers that only this rewriting reads."""
    for n in range(len(source.solid)):
        if source.word(n) == "__host__":
            source.put(n, "")


def rewritten(source):
    if not source.solid:
        return "".join(source.text)
    launches = find_launches(source)
    for n in range(len(source.solid)):
        if source.is_name(n) and source.word(n) == "__global__":
            rewrite_kernel(source, n)
    rewrite_ptx(source)
    rewrite_shared(source)
    drop_qualifiers(source)
    last = len(source.solid) - 1
    return "".join(source.text[:source.solid[0]]) + emit(source, launches, 0, last) + source.blank_behind(last)
