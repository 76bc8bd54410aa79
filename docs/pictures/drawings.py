#!/usr/bin/env python3
"""Writes the drawings of README.md and docs/tour.md, each for light and dark pages: NAME.svg and NAME-dark.svg.

usage: docs/pictures/drawings.py [FOLDER]   (default: the folder of this file)

A drawing is 400 units wide and its smallest letter 12, so that it can be read on a screen of 390 pixels. A text that
would leave its box or the drawing is an error: widths are those of DejaVu Sans, which is wider than most fonts.
"""
import pathlib
import re
import sys
from xml.sax.saxutils import escape

WIDTH = 400
SMALLEST = 12
PALETTES = {
    "": {"paper": "#ffffff", "ink": "#1f2328", "soft": "#59636e", "wash": "#f3f5f8", "forward": "#0860c4", "back": "#b34700"},
    "-dark": {"paper": "#0d1117", "ink": "#e6edf3", "soft": "#9da7b1", "wash": "#1b222b", "forward": "#58a6ff", "back": "#f0883e"},
}
NARROW, WIDE = "iIjlft.,:;|!'()[] /", "mMwW%@—"


def parts(text):
    """("plain", "up" or "down", letters) of a text in which V^T and z_{k+1} are raised or lowered."""
    for match in re.finditer(r"\^(\S)|_\{([^}]*)\}|((?:(?!\^|_\{).)+)", text):
        yield ("up", match[1]) if match[1] else ("down", match[2]) if match[2] else ("plain", match[3])


def width_of(text, size):
    def letters(word):
        return sum(0.42 if c in NARROW else 1.0 if c in WIDE else 0.72 if c.isupper() else 0.635 for c in word)
    return size * sum(letters(word) * (1 if place == "plain" else 0.72) for place, word in parts(text))


class Drawing:
    def __init__(self, name, title, height):
        self.name, self.title, self.height, self.items = name, title, height, []

    def text(self, x, y, text, size=13, anchor="start", colour="ink", bold=False, within=None):
        width = width_of(text, size) * (1.08 if bold else 1)
        left = x - {"start": 0, "middle": width / 2, "end": width}[anchor]
        low, high = within or (0, WIDTH)
        assert size >= SMALLEST and left >= low and left + width <= high, f"{self.name}: '{text}' does not fit: {left:.0f} to {left + width:.0f}"
        shift, spans = 0, []
        for place, word in parts(text):
            want = {"plain": 0, "up": -0.38, "down": 0.26}[place] * size
            style = "" if place == "plain" else f' font-size="{size * 0.75:g}"'
            spans.append(f'<tspan dy="{want - shift:g}"{style}>{escape(word).replace(" ", chr(160))}</tspan>')
            shift = want
        weight = ' font-weight="bold"' if bold else ""
        self.items.append(f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" fill="@{colour}"{weight}>{"".join(spans)}</text>')

    def box(self, x, y, width, lines, note=None, colour="ink"):
        """A box with centred lines, and below them a note; returns its middle and its bottom."""
        height = 12 + 18 * len(lines) + (17 if note else 0)
        self.items.append(f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height}" rx="6" fill="@wash" stroke="@{colour}"/>')
        for i, line in enumerate(lines):
            self.text(x + width / 2, y + 20 + 18 * i, line, anchor="middle", within=(x + 2, x + width - 2))
        if note:
            self.text(x + width / 2, y + 20 + 18 * len(lines), note, 12, "middle", "soft", within=(x + 2, x + width - 2))
        return x + width / 2, y + height

    def arrow(self, points, colour="forward", dashed=False):
        (x0, y0), (x1, y1) = points[-2:]
        length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        dx, dy = (x1 - x0) / length, (y1 - y0) / length
        path = " ".join(f"{x:g},{y:g}" for x, y in points[:-1] + [(x1 - 6 * dx, y1 - 6 * dy)])
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.items.append(f'<polyline points="{path}" fill="none" stroke="@{colour}" stroke-width="1.6"{dash}/>')
        corners = [(x1, y1)] + [(x1 - 8 * dx + s * 4 * dy, y1 - 8 * dy - s * 4 * dx) for s in (1, -1)]
        self.items.append(f'<polygon points="{" ".join(f"{x:g},{y:g}" for x, y in corners)}" fill="@{colour}"/>')

    def circle(self, x, y, radius, fill="none", stroke="soft"):
        self.items.append(f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{fill if fill == "none" else "@" + fill}" stroke="@{stroke}"/>')

    def write(self, folder):
        for suffix, palette in PALETTES.items():
            body = re.sub("@([a-z]+)", lambda m: palette[m[1]], "\n".join(self.items))
            (folder / f"{self.name}{suffix}.svg").write_text(
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}" height="{self.height}" '
                f'font-family="Helvetica, Arial, sans-serif" role="img">\n<title>{escape(self.title)}</title>\n'
                f'<rect width="{WIDTH}" height="{self.height}" fill="{palette["paper"]}"/>\n{body}\n</svg>\n', encoding="utf-8")


def idea():
    d = Drawing("idea", "A deep equilibrium model iterates f until z no longer changes; in lifted coordinates f is linear, "
                "modes inside the unit circle die out; a stable invariant model keeps the modes that stay, in one pass.", 404)
    d.text(12, 24, "A deep equilibrium model iterates a layer f:", bold=True)
    d.text(24, 92, "x", 15)
    d.arrow([(38, 87), (108, 87)])
    d.box(108, 66, 92, ["f(z, x)"])
    d.arrow([(200, 81), (246, 81), (246, 50), (154, 50), (154, 66)])
    d.text(256, 57, "z, 10 to 30 times", 12, colour="soft")
    d.arrow([(200, 90), (290, 90)])
    d.text(298, 95, "z* = f(z*, x)", 13)
    d.text(12, 138, "Lifted to features, f acts as a matrix K:", bold=True)
    cx, cy, radius = 82, 212, 54
    d.arrow([(14, cy), (154, cy)], "soft")
    d.arrow([(cx, 278), (cx, 148)], "soft")
    d.circle(cx, cy, radius, stroke="ink")
    for x, y in ((0.35, 0.4), (0.35, -0.4), (-0.5, 0.0), (0.1, 0.75), (0.1, -0.75), (-0.3, 0.25), (-0.3, -0.25)):
        d.circle(cx + radius * x, cy - radius * y, 4, "paper", "forward")
    d.circle(cx + radius, cy, 5.5, "forward", "forward")
    d.text(172, 176, "Eigenvalues of K:", 13)
    d.circle(180, 193, 4, "paper", "forward")
    d.text(192, 198, "|λ| < 1: the mode dies out", 13)
    d.circle(180, 215, 5.5, "forward", "forward")
    d.text(192, 220, "λ = 1: it stays, and is z*", 13)
    d.text(172, 248, "λ = −1 or complex, |λ| = 1:", 12, colour="soft")
    d.text(172, 265, "an oscillation (two tiers)", 12, colour="soft")
    d.text(12, 312, "A stable invariant model keeps what stays:", bold=True)
    d.text(14, 352, "x", 15)
    x = 30
    for name, note, width in (("φ", "lift", 56), ("V^T", "project", 68), ("U", "modes", 64), ("r", "reverse", 68)):
        d.arrow([(x, 347), (x + 17, 347)])
        d.box(x + 17, 326, width, [name], note)
        x += 17 + width
    d.arrow([(x, 347), (x + 18, 347)])
    d.text(x + 21, 352, "z*", 14)
    d.text(200, 396, "one pass, no solver", 12, "middle", "soft")
    return d


def batch():
    d = Drawing("batch", "The way of a batch of copy memory through TCN, head and loss, and of the gradient back.", 640)
    d.text(20, 22, "forward", colour="forward", bold=True)
    d.text(380, 22, "gradient", anchor="end", colour="back", bold=True)
    boxes = [
        ("x (2, 1, 520): the digits", "tasks/paper/copy_memory.cpp"),
        ("8 residual blocks, dilation 1 .. 128", "kernels/tcn_block/"),
        ("(2, 10, 520) → (1040, 10)", "permute: kernels/strided/"),
        ("φ's last map, V^T, U, r, output", "kernels/sim_head/"),
        ("logits (1040, 10) → loss (1)", "kernels/losses/"),
    ]
    between = ["dx is not wanted", "dz (2, 10, 520)", "dz (1040, 10)", "(softmax − one-hot) / 1040"]
    y, last = 38, None
    for i, (line, note) in enumerate(boxes):
        if i:
            d.arrow([(40, last), (40, y)])
            d.arrow([(360, y), (360, last)], "back", dashed=i == 1)
            d.text(350, (last + y) / 2 + 5, between[i - 1], 12, "end", "back")
        _, last = d.box(20, y, 360, [line], note)
        y = last + 44
    d.arrow([(40, last), (40, last + 40), (360, last + 40), (360, last)], "back")
    d.text(200, last + 32, "backward starts from dloss = 1", 12, "middle", "back")
    d.box(20, last + 62, 360, ["all dv, dg, db, dW: norm, clip, Adam"], "kernels/update/", "back")
    d.height = last + 62 + 47 + 14
    return d


def broyden():
    d = Drawing("broyden", "z through a Broyden solve, and the gradient through the solution.", 0)
    d.text(20, 22, "forward: nothing is recorded", colour="forward", bold=True)
    d.text(46, 54, "z = 0", 14)
    d.arrow([(60, 60), (60, 80)])
    _, y = d.box(20, 80, 300, ["f(z), and g = f(z) − z"], "models/deq.cpp")
    d.arrow([(60, y), (60, y + 24)])
    _, y2 = d.box(20, y + 24, 300, ["judge each sample by its ‖g‖,", "keep the z of the lowest"], "kernels/root_solver/")
    d.arrow([(60, y2), (60, y2 + 34)])
    d.text(70, y2 + 22, "some still run", 12, colour="soft")
    _, y3 = d.box(20, y2 + 34, 300, ["B ← B + u v^T, p = −B g,", "z ← z + p"], "solvers/fixed_point/")
    d.arrow([(320, y3 - 30), (350, y3 - 30), (350, 102), (320, 102)])
    d.text(20, y3 + 34, "all have stopped, or max_steps: z*", 13, colour="forward")
    d.arrow([(60, y3), (60, y3 + 18)], "soft", dashed=True)
    y4 = y3 + 46
    d.arrow([(60, y4), (60, y4 + 20)])
    _, y5 = d.box(20, y4 + 20, 360, ["y = f(z*): one evaluation, recorded"], "solvers/fixed_point/")
    d.arrow([(60, y5), (60, y5 + 30)])
    d.text(72, y5 + 22, "logits, loss", 12, colour="soft")
    d.arrow([(330, y5 + 30), (330, y5)], "back")
    d.text(318, y5 + 22, "g = dL/dy", 12, "end", "back")
    y6 = y5 + 52
    d.text(20, y6, "backward: a linear fixed point", colour="back", bold=True)
    _, y7 = d.box(20, y6 + 12, 360, ["solve u = J^T u + g, J = df/dz at z*;", "each J^T u is one vjp of y"], "solvers/fixed_point/", "back")
    d.arrow([(200, y7), (200, y7 + 26)], "back")
    _, y8 = d.box(20, y7 + 26, 360, ["u enters f's vjp in place of g:", "gradients of f's parameters and of x"], "engine/autograd.cpp", "back")
    d.height = y8 + 14
    return d


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent
    for drawing in (idea(), batch(), broyden()):
        drawing.write(folder)


if __name__ == "__main__":
    main()
