"""Writes the bindings of all ops: reads engine/ops.h, whose comments are the contracts, and prints C++ for nanobind."""

import keyword
import pathlib
import re
import sys
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]

# C++ type of a parameter -> the type that the binding takes.
PLAIN = {
    "const Tensor&": "const Tensor&", "double": "double", "Index": "Index", "Shape": "Shape", "const Shape&": "const Shape&",
    "const std::vector<Index>&": "const std::vector<Index>&", "const std::vector<Tensor>&": "const std::vector<Tensor>&",
    "const std::vector<HeadLayer>&": "const std::vector<HeadLayer>&", "const TcnBlockParams&": "const TcnBlockParams&",
}


class Parameter(NamedTuple):
    type: str
    name: str
    default: str  # empty: there is none


class Op(NamedTuple):
    result: str
    name: str
    parameters: list
    doc: str


def fail(what):
    sys.exit(f"bindings.py: given {what} in ops.h, expected a declaration of a known form, extend PLAIN")


def parse_parameter(text):
    found = re.fullmatch(r"(.+?[&\s])\s*(\w+)(?:\s*=\s*(.+))?", text.strip())
    if not found:
        fail(text)
    name = found[2] + ("_" if keyword.iskeyword(found[2]) else "")
    return Parameter(found[1].strip(), name, found[3] or "")


def split_outside_brackets(text):
    parts, depth = [""], 0
    for letter in text:
        depth += {"<": 1, "{": 1, ">": -1, "}": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part.strip()]


def read_header(path):
    """Returns the ops, and the fields of each struct of options. A comment before a group of declarations is the doc of
    all of them; one at the end of a line is that line's."""
    ops, structs = [], {}
    lines = open(path, encoding="utf-8").read().split("\n")
    comment, follows, place = [], False, 0  # follows: the next comment line adds to the last one
    while place < len(lines):
        line = lines[place].strip()
        place += 1
        if line.startswith("//"):
            comment = (comment if follows else []) + [line[2:].strip()]
            follows = True
            continue
        struct = re.match(r"struct (\w+) \{", line)
        if struct:  # stands between the comment of an op and the op
            body = ""
            while not lines[place].startswith("};"):
                body += lines[place].split("//")[0]
                place += 1
            place += 1
            structs[struct[1]] = body
            continue
        follows = False
        if not line:
            comment = []
        if not re.match(r"(Tensor|BatchNormValue) \w+\(", line):
            continue
        own = []
        while True:  # a declaration may take more than one line
            code, _, remark = line.partition("//")
            own += [remark.strip()] if remark else []
            if code.rstrip().endswith(";"):
                break
            line = code.rstrip() + " " + lines[place].strip()
            place += 1
        result, name, inside = re.fullmatch(r"(\w+) (\w+)\((.*)\);", code.strip()).groups()
        parameters = [parse_parameter(part) for part in split_outside_brackets(inside)]
        ops.append(Op(result, name, parameters, contract(comment, own)))
    return ops, {name: read_fields(body) for name, body in structs.items() if name.endswith("Options")}


def contract(comment, own):
    """Returns the text of an op, with that of the kernel's header to which it refers."""
    doc = "\n".join(own or comment)
    found = re.search(r"see (kernels/[\w/]+\.h)", doc)
    if found:
        header = open(ROOT / found[1], encoding="utf-8").read()
        after = header.split("namespace stillpoint::kernels {", 1)[1]
        formula = re.search(r"(?:^ *//.*\n)+", after, re.M)
        doc += "\n\n" + "\n".join(line.strip()[2:].removeprefix(" ") for line in formula[0].rstrip().split("\n"))
    return doc


def read_fields(body):
    fields = []
    for statement in filter(None, (part.strip() for part in body.split(";"))):
        kind, rest = statement.split(" ", 1)
        for field in rest.split(","):
            name, default = (part.strip() for part in field.split("="))
            fields.append(Parameter(kind, name, default))
    return fields


def binding(op, structs):
    taken, passed, args = [], [], []
    keyword_only = False
    for parameter in op.parameters:
        if parameter.type in structs:
            fields = structs[parameter.type]
            args += [] if keyword_only else ["nb::kw_only()"]
            keyword_only = True
            taken += [f"{field.type} {field.name}" for field in fields]
            args += [f'"{field.name}"_a = {field.default}' for field in fields]
            passed.append(f"{parameter.type}{{" + ", ".join(f".{field.name} = {field.name}" for field in fields) + "}")
        elif parameter.default == "{}" and parameter.type == "const Tensor&":
            taken.append(f"const std::optional<Tensor>& {parameter.name}")
            args.append(f'"{parameter.name}"_a = nb::none()')
            passed.append(f"{parameter.name}.value_or(Tensor())")
        elif parameter.type in PLAIN:
            taken.append(f"{PLAIN[parameter.type]} {parameter.name}")
            args.append(f'"{parameter.name}"_a' + (f" = {parameter.default}" if parameter.default else ""))
            passed.append(parameter.name)
        else:
            fail(f"{parameter.type} {parameter.name}")
    value = f"stillpoint::{op.name}({', '.join(passed)})"
    if op.result == "BatchNormValue":
        value = f"as_tuple({value})"
    return (f"  m.def(\"{op.name}\", []({', '.join(taken)}) {{ return {value}; }},\n      {', '.join(args)},\n"
            f"      R\"doc({op.doc})doc\", nb::call_guard<nb::gil_scoped_release>());\n")


def main():
    ops, structs = read_header(sys.argv[1])
    text = ["// Made by engine/python/bindings.py from engine/ops.h.\n#include \"engine/python/binding.h\"\n\n",
            "namespace stillpoint::python {\nvoid bind_ops(nb::module_& m) {\n"]
    text += [binding(op, structs) for op in ops]
    text.append("}\n}  // namespace stillpoint::python\n")
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.write("".join(text))


main()
