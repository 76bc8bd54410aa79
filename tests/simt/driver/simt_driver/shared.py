"""Rewrites variables in shared memory."""
from simt_driver.source import OPEN


def rewrite_dynamic_shared(source, n, names):
    """Turns `extern __shared__ T name[];` into a reference to the block's dynamic shared memory; at namespace
    scope, where `names` is not None, keeps what later uses of the name become."""
    first, end = source.declaration_start(n), source.declaration_end(n)
    kept, at = [], first
    while at < end:
        w = source.word(at)
        if w in ("alignas", "__attribute__") and source.word(at + 1) == "(":
            at = source.partner[at + 1]
        elif w not in ("extern", "__shared__", "static"):
            kept.append(at)
        at += 1
    declared = source.declarators(kept[0], kept[-1]) if kept else []
    if not declared:
        source.fail(n, "extern __shared__ declares no name")
    kind = " ".join(source.word(k) for k in kept if k < declared[0][0])
    lines = []
    for name, last in declared:
        behind = source.partner[name + 1] + 1 if source.word(name + 1) == "[" else name + 1
        array = ("[]" if behind > name + 1 else "") + "".join(source.word(k) for k in kept if behind <= k <= last)
        value = f"::simt::dynamic_shared<{kind} {array}>()"
        if names is not None:
            names[source.word(name)] = (end, value)
        else:
            lines.append(f"{kind} (&{source.word(name)}){array} = {value};")
    source.drop(first, end)
    source.put(end, " ".join(lines))


def rewrite_static_shared(source, n):
    """Makes a variable of the block one of the OS thread, and puts a red zone before each one that is declared."""
    first, end = source.declaration_start(n), source.declaration_end(n)
    for i in range(first, end):
        if source.word(i) == "static":
            source.put(i, "")
    source.put(n, "static thread_local")
    if first > 0 and source.word(first - 1) not in (";", "{", "}", ":"):
        return
    zone = "static thread_local __attribute__((__used__)) char simt_red_zone_%d[4096]; "
    declared = source.declarators(first, end - 1)
    kind = [source.word(k) for k in range(first, declared[0][0]) if source.word(k) not in ("__shared__", "static")]
    if not {"{", "(", "*", "&"} & set(kind):  # other types are not written twice
        for _, last in declared[:-1]:
            source.put(last + 1, "; " + zone % (last + 1) + "static thread_local " + " ".join(kind))
    begin = {"__shared__": "static thread_local", "static": ""}.get(source.word(first), source.word(first))
    source.put(first, zone % n + begin)


def rewrite_shared(source):
    names = {}  # of dynamic shared memory at namespace scope -> (last token, expression)
    for n, at_namespace in source.scopes():
        w = source.word(n)
        if not source.is_name(n):
            continue
        if w == "__shared__":
            words = [source.word(i) for i in range(source.declaration_start(n), source.declaration_end(n))]
            if "extern" in words:
                rewrite_dynamic_shared(source, n, names if at_namespace else None)
            else:
                rewrite_static_shared(source, n)
        elif w in names and n > names[w][0] and source.word(n - 1) not in (".", "->", "::"):
            source.put(n, names[w][1])
