"""operators.py: the small mistakes: each changes one line of C, or adds one statement before it.

Not changed: comments, texts, asserts, declarations, what stands outside functions, and lines that
plant mistakes of their own."""
import re
from collections import namedtuple

Mutant = namedtuple("Mutant", "file line operator before after text")

FLIPS = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
EDGES = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
EARLY = {"void": "return;", "bool": "return false;", "hf_status": "return HF_OK;",
         "int": "return 0;", "size_t": "return 0;", "uint8_t": "return 0;",
         "hf_lattice_fault": "return SOUND;"}


def blank(match):
    return re.sub(r"[^\n]", " ", match[0])


def code_only(text):
    """The same text, comments and string or character constants blanked, every place kept."""
    return re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|^#[^\n]*', blank, text,
                  flags=re.S | re.M)


def closing(code, at):
    """Where the bracket opened at `at` closes."""
    depth = 0
    for i in range(at, len(code)):
        depth += {"(": 1, ")": -1}.get(code[i], 0)
        if depth == 0:
            return i
    raise ValueError("unbalanced")


def bodies(code):
    """(start, end, type returned) of each function: in this house `{` and `}` stand in column 1."""
    for match in re.finditer(r"^([a-z]\w*(?: \w+)*)[ *]+\**\w+\([^{};]*\)\n\{\n(.*?)^\}", code,
                             re.S | re.M):
        yield match.start(2), match.end(2), match[1].split()[-1]


def statements(code, start, end):
    """(from, to) of each statement of one function that is no block, declaration or label."""
    for match in re.finditer(r"^ +((?:\w[\w.\->\[\]+* ]*?|\*\w+) ?(?:=|\+=|-=)[^=][^;{}]*;|"
                             r"\w+\([^;{}]*\);|[\w.\->\[\]*]+(?:\+\+|--);)$",
                             code[start:end], re.M):
        yield start + match.start(1), start + match.end(1)
    for match in re.finditer(r"\b(?:if|while|for) \(", code[start:end]):
        after = closing(code, start + match.end() - 1) + 1
        guarded = re.match(r"\s+([^;{}\s][^;{}]*;)", code[after:end])
        if guarded and not re.match(r"(if|while|for) \(", guarded[1]):
            yield after + guarded.start(1), after + guarded.end(1)


def is_declaration(statement):
    return re.match(r"(const )?\w+ \**\w+(\[.*?\])? ?=", statement) is not None


def changes(code, start, end, returns):
    """(operator, from, to, new text) for all of one function."""
    for match in re.finditer(r"(?<=[\w)\]] )(==|!=|<=|>=|<|>)(?= )", code[start:end]):
        at = start + match.start()
        yield "comparison flipped", at, at + len(match[0]), FLIPS[match[0]]
        if match[0] in EDGES:
            yield "off by one", at, at + len(match[0]), EDGES[match[0]]
    for match in re.finditer(r"&&|\|\|", code[start:end]):
        at = start + match.start()
        yield "and/or swapped", at, at + 2, "||" if match[0] == "&&" else "&&"
    for match in re.finditer(r"(?<=[\w)\]] )([+-])(?= )", code[start:end]):
        at = start + match.start()
        yield "plus/minus swapped", at, at + 1, "-" if match[0] == "+" else "+"
    for match in re.finditer(r"\b(?:if|while) \(", code[start:end]):
        at = start + match.end() - 1
        to = closing(code, at)
        yield "condition negated", at, to + 1, None
    for match in re.finditer(r"!(?=[\w(*])", code[start:end]):
        yield "negation dropped", start + match.start(), start + match.end(), ""
    for match in re.finditer(r"(?<![\w.])(\d+|true|false)(?![\w.])", code[start:end]):
        new = {"true": "false", "false": "true"}.get(match[0])
        yield "constant changed", start + match.start(), start + match.end(), (
            new or str(int(match[0]) + 1))
    for at, to in statements(code, start, end):
        if not is_declaration(code[at:to]):
            yield "statement deleted", at, to, ";"
        if returns in EARLY and not code[at:to].startswith("return"):
            yield "early return", at, at, EARLY[returns] + " "


def passed_over(code, at):
    """Does the statement around `at` assert, or plant a mistake?"""
    begin = max(code.rfind(c, 0, at) for c in ";{}")
    end = code.find(";", at)
    return re.search(r"\bassert\(|HF_PLANTED|static ", code[begin + 1:end]) is not None


def one_line(text):
    return " ".join(text.split())


def lines_around(text, at, to):
    begin = text.rfind("\n", 0, at) + 1
    end = text.find("\n", to)
    return begin, end


def mutants_of(name, text):
    code = code_only(text)
    found = []
    for start, end, returns in bodies(code):
        for operator, at, to, new in changes(code, start, end, returns):
            if passed_over(code, at):
                continue
            if new is None:  # a whole condition
                new = "(!" + text[at:to] + ")"
            begin, finish = lines_around(text, at, to)
            before = text[begin:finish]
            after = text[begin:at] + new + text[to:finish]
            found.append(Mutant(name, text.count("\n", 0, at) + 1, operator, one_line(before),
                                one_line(after), text[:begin] + after + text[finish:]))
    return found
