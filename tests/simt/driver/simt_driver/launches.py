"""Launches by <<<>>>: finds them, and prints a source with calls of the emulator in their place."""
from simt_driver.source import CLOSE, OPEN

# A keyword ends the search for the start of the expression before <<<.
STATEMENTS = {"return", "else", "do", "case", "throw", "co_return", "co_yield", "goto", "and", "or", "not"}


def is_chevron(source, n):
    return (source.word(n) == source.word(n + 1) == source.word(n + 2) == "<" and source.word(n - 1) != "operator"
            and source.solid[n + 1] == source.solid[n] + 1)


def template_start(source, n):
    """Returns the `<` that the `>` at n closes, or -1. A `<<` inside is a shift."""
    depth = 0
    while n >= 0:
        w = source.word(n)
        if w in CLOSE:
            n = source.partner.get(n, -1)
        elif w == ">":
            depth += 1
        elif w == "<":
            if source.word(n - 1) == "<":
                n -= 1
            else:
                depth -= 1
                if depth == 0:
                    return n
        elif w in (";", "{", "}"):
            return -1
        n -= 1
    return -1


def expression_start(source, n):
    """Returns the first token of the postfix expression that ends at n: ns::k<float, (N > 3)>, (*f), table[i]."""
    while True:
        w = source.word(n)
        if w == ">":
            n = template_start(source, n) - 1
            if n < 0 or not source.is_name(n):
                return -1
            continue
        if w in (")", "]"):
            first = source.partner.get(n, -1)
            before = source.word(first - 1)
            if first > 0 and (before in (")", "]", ">") or source.is_name(first - 1) and before not in STATEMENTS):
                n = first - 1
                continue
            n = first
        elif not source.is_name(n) or w in STATEMENTS:
            return -1
        before = source.word(n - 1)
        if before == "template":
            n, before = n - 1, source.word(n - 2)
        if before in (".", "->"):
            n -= 2
        elif before == "::":
            n -= 1
            if source.word(n - 1) == ">" or source.is_name(n - 1) and source.word(n - 1) not in STATEMENTS:
                n -= 1
            else:
                return n
        else:
            return n


def configuration_end(source, n):
    """Returns the first `>` of the `>>>` that ends the configuration which begins at n."""
    angles, fallback = 0, -1
    while n < len(source.solid):
        w = source.word(n)
        if w in OPEN:
            n = source.partner.get(n, len(source.solid))
        elif w == "<":
            angles += 1
        elif w == ">":
            run = 1
            while source.word(n + run) == ">":
                run += 1
            if run >= 3 and source.word(n + run) == "(":
                if fallback < 0:
                    fallback = n + run - 3
                if run - 3 >= angles:
                    return n + run - 3
            angles = max(0, angles - run)
            n += run - 1
        elif w in (";", "}"):
            break
        n += 1
    return fallback


def find_launches(source):
    """Returns (<<<, >>>, last parenthesis) of each launch by the first token of the kernel's expression."""
    launches, n = {}, 0
    while n < len(source.solid):
        if not is_chevron(source, n):
            n += 1
            continue
        start, end = expression_start(source, n - 1), configuration_end(source, n + 3)
        if start < 0:
            source.fail(n, "<<< has no kernel before it")
        if end < 0:
            source.fail(n, "a launch needs >>> and its arguments in parentheses behind <<<")
        last = source.partner.get(end + 3)
        if last is None:
            source.fail(n, "the arguments of the launch have no closing parenthesis")
        launches[start] = (n, end, last)
        n += 3
    return launches


def emit(source, launches, first, last, skip=None):
    """Returns the text of the solid tokens first..last with the blanks between them."""
    parts, n = [], first
    while n <= last:
        launch = launches.get(n) if n != skip else None
        if launch:
            opening, end, close = launch
            parts += ["(::simt::configure(", source.blank_behind(opening + 2), emit(source, launches, opening + 3, end - 1),
                      source.blank_behind(end - 1) if end > opening + 3 else "", "), ",
                      emit(source, launches, n, opening - 1, n), source.blank_behind(opening - 1), source.blank_behind(end + 2),
                      emit(source, launches, end + 3, close), ")"]
            n = close
        else:
            parts.append(source.text[source.solid[n]])
        if n < last:
            parts.append(source.blank_behind(n))
        n += 1
    return "".join(parts)
