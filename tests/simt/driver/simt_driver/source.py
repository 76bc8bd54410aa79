"""The tokens of a preprocessed source: where each stands, brackets, scopes and declarations."""
import re

TOKEN = re.compile(
    r"""(?P<directive>^[ \t]*\#[^\n]*)
      | (?P<space>\s+|//[^\n]*|/\*.*?\*/)
      | (?P<raw>(?:u8|[uUL])?R"(?P<mark>[^()\\\s"]{0,16})\(.*?\)(?P=mark)")
      | (?P<string>(?:u8|[uUL])?"(?:[^"\\\n]|\\.)*"|(?:u8|[uUL])?'(?:[^'\\\n]|\\.)*')
      | (?P<number>\.?\d(?:'?[\w.]|(?<=[eEpP])[+-])*)
      | (?P<name>[^\W\d]\w*|\$\w*)
      | (?P<mark_>::|->\*|->|\.\.\.|<=>|<<=|>>=|[<>=!+\-*/%&|^]=|&&|\|\||\+\+|--|.)""",
    re.VERBOSE | re.DOTALL | re.MULTILINE)
OPEN, CLOSE = {"(": ")", "[": "]", "{": "}"}, {")": "(", "]": "[", "}": "{"}
MARKERS = re.compile(r"<<|\b__(?:global|shared|host)__\b")
LINE_MARKER = re.compile(r'^# (\d+) "((?:[^"\\]|\\.)*)"([ \d]*)$', re.MULTILINE)
# A parenthesis behind one of these does not begin the parameters of a function.
WITH_ARGUMENTS = {"__attribute__", "alignas", "decltype", "noexcept", "requires", "__declspec"}


class Problem(Exception):
    """A source that simt++ cannot rewrite: the message begins with its file and line."""


class Token:
    __slots__ = ("kind", "text")

    def __init__(self, kind, text):
        self.kind, self.text = kind, text

    def blank(self):
        return self.kind in ("space", "directive", "opaque")


def tokenize(text):
    """Returns the tokens. A system header without any CUDA in it stays one piece, because it is long."""
    tokens, start, system = [], 0, False
    # Flags: 1 begins a file, 2 returns to one, 3 says that it is the system's. A marker without 1 or 2 is in the
    # middle of a file, where a macro of a system header may have been expanded.
    marks = [(m.start(), " 3" in m.group(3)) for m in LINE_MARKER.finditer(text) if re.search(" [12]", m.group(3))]
    marks.append((len(text), False))
    for at, next_system in marks:
        if at > start:
            piece = text[start:at]
            if system and not MARKERS.search(piece):
                tokens.append(Token("opaque", piece))
            else:
                for match in TOKEN.finditer(piece):
                    kind = match.lastgroup
                    tokens.append(Token("raw" if kind == "mark" else kind, match.group()))
        start, system = at, next_system
    return tokens


class Source:
    """The tokens of one preprocessed source, and what replaces them."""

    def __init__(self, text):
        self.tokens = tokenize(text)
        self.text = [t.text for t in self.tokens]  # what is printed for each token
        self.solid = [i for i, t in enumerate(self.tokens) if not t.blank()]  # indices of tokens that are not blank
        self.places = self.find_places()
        self.partner = self.match_brackets()

    def word(self, n):
        """Returns the text of the n-th token that is not blank; an empty text outside."""
        return self.tokens[self.solid[n]].text if 0 <= n < len(self.solid) else ""

    def is_name(self, n):
        return 0 <= n < len(self.solid) and self.tokens[self.solid[n]].kind == "name"

    def put(self, n, text):
        self.text[self.solid[n]] = text

    def drop(self, first, last):
        """Leaves out the tokens from first to last, without the newlines between them."""
        for n in range(first, last + 1):
            self.put(n, "")

    def written(self, first, last):
        return " ".join(self.word(n) for n in range(first, last + 1))

    def match_brackets(self):
        partner, stack = {}, []
        for n in range(len(self.solid)):
            w = self.word(n)
            if self.tokens[self.solid[n]].kind != "mark_":
                continue
            if w in OPEN:
                stack.append((w, n))
            elif w in CLOSE and stack and stack[-1][0] == CLOSE[w]:
                first = stack.pop()[1]
                partner[first], partner[n] = n, first
        return partner

    def find_places(self):
        """Returns (file, line) of each token that is not blank, by the line markers before it."""
        places, name, line, index = [], "source", 1, 0
        for i, token in enumerate(self.tokens):
            if not token.blank():
                places.append((name, line))
            behind = token.text
            if token.kind in ("directive", "opaque"):
                found = None
                for found in LINE_MARKER.finditer(token.text):
                    pass
                if found:
                    name, line, behind = found.group(2), int(found.group(1)) - 1, token.text[found.end():]
            line += behind.count("\n")
        return places

    def where(self, n):
        return "%s:%d" % self.places[n]

    def fail(self, n, text):
        raise Problem(f"{self.where(n)}: {text}")

    def opens_scope(self, n):
        """Returns whether the brace at n opens a namespace, or is that of extern "C"."""
        back = n - 1
        while back >= 0 and (self.is_name(back) or self.word(back) in ("::", '"C"', '"C++"', "[", "]", "(", ")")):
            back -= 1
        words = [self.word(b) for b in range(back + 1, n)]
        return "namespace" in words or words[-2:-1] == ["extern"] or words[-1:] == ['"C"']

    def scopes(self):
        """Yields (n, whether n is at namespace scope)."""
        stack = []
        for n in range(len(self.solid)):
            w = self.word(n)
            yield n, all(stack)
            if w == "{" and n in self.partner:
                stack.append(self.opens_scope(n))
            elif w == "}" and n in self.partner and stack:
                stack.pop()

    def declaration_start(self, n):
        while n > 0 and self.word(n - 1) not in (";", "{", "}", ">", ":"):
            if self.word(n - 1) == ")":
                before = self.partner.get(n - 1, 0) - 1
                if self.word(before) not in WITH_ARGUMENTS:
                    break
                n = before + 1
            n -= 1
        return n

    def declaration_end(self, n):
        while n < len(self.solid) and self.word(n) != ";":
            if self.word(n) in OPEN and n in self.partner:
                n = self.partner[n]
            n += 1
        return n

    def declarators(self, first, last):
        """Returns (index of the name, last token) of each declarator between first and last, which are both inside."""
        found, n, angles, name = [], first, 0, -1
        while n <= last + 1:
            w = self.word(n) if n <= last else ","
            if w == "<" and self.is_name(n - 1):
                angles += 1
            elif w == ">":
                angles -= 1
            elif w == "," and angles <= 0 or n == last + 1:
                if name < 0:
                    name = n - 1
                found.append((name, n - 1))
                name, angles = -1, 0
            elif angles <= 0 and w in ("[", "=", "{") and name < 0 and self.word(n - 1) not in WITH_ARGUMENTS:
                name = n - 1
            if w in OPEN and n in self.partner:
                n = self.partner[n]
            n += 1
        return [(name, end) for name, end in found if self.is_name(name)]

    def blank_behind(self, n):
        stop = self.solid[n + 1] if n + 1 < len(self.solid) else len(self.tokens)
        return "".join(self.text[self.solid[n] + 1:stop])
