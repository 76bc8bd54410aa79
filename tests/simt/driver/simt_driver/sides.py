"""Joins the two sides of a source: functions whose bodies differ where __CUDA_ARCH__ is defined."""


def bodies(source):
    """Returns (start of the declaration, `{`, `}`) of functions by file, line and number of the brace in the line."""
    found, n, numbers = {}, 0, {}
    while n < len(source.solid):
        if source.word(n) == "{" and n in source.partner:
            key = source.places[n]
            numbers[key] = numbers.get(key, 0) + 1
            start = source.declaration_start(n - 1) if n > 0 else 0
            while start > 0 and source.word(start - 1) in (">", ")", ":"):  # template <...>, attributes, alignas(...)
                start = source.declaration_start(start - 1)
            words = {source.word(i) for i in range(start, n)}
            if not (source.opens_scope(n) or words & {"class", "struct", "union", "enum"} and ")" not in words):
                found[(*key, numbers[key])] = (start, n, source.partner[n])
                n = source.partner[n]
        n += 1
    return found


def source_of(source, first, last):
    """Returns the text of the tokens from first to last, with blanks and a line marker before it."""
    text = "".join(t.text for t in source.tokens[source.solid[first]:source.solid[last] + 1])
    return '\n# %d "%s"\n' % (source.places[first][1], source.places[first][0]) + text


def with_device_bodies(source, device):
    """Returns the source with the bodies that differ where __CUDA_ARCH__ is defined: a kernel takes the device's, and
    a function of both sides takes both and asks at run time which side it is on."""
    others = bodies(device)
    for key, (start, first, last) in bodies(source).items():
        words = {source.word(i) for i in range(start, first)}
        if key not in others or not words & {"__global__", "__host__", "noinit"}:
            continue
        _, other_first, other_last = others[key]
        if device.written(other_first, other_last) == source.written(first, last):
            continue
        body = source_of(device, other_first, other_last)
        if "__host__" in words:
            body = ("{ if (!::std::is_constant_evaluated() && ::simt::on_device())" + body + " else" +
                    source_of(source, first, last) + "}")
        for i in range(source.solid[first], source.solid[last] + 1):
            source.text[i] = ""
        source.put(first, body + '\n# %d "%s"\n' % (source.places[last][1], source.places[last][0]))
    return "".join(source.text)
