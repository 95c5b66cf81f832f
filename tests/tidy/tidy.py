#!/usr/bin/env python3
"""The house rules that a machine can check: one line for each finding, status 1 if there is any.

    tidy.py              every check
    tidy.py --includes   only who includes whom; the build runs this one
    tidy.py NAME...      the named checks

Reads C by its shape (comments and strings blanked, braces counted), not by a compiler: that is
enough for code laid out by clang-format, and it needs nothing installed. With HOLDFAST_RESULTS
set, each check is also a line in that file: see the top of `dev`."""
import os
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 600
LINE_COLUMNS_MAX = 100
EXAMPLE_LINES_MAX = 60
PRODUCT = ("include", "sync", "edge", "hub", "platform")
SIZED = PRODUCT + ("tests/sim",)

# ---- who may include whom ----

# The engine is a function of bytes and time. These headers give it neither clock, socket, thread
# nor file: what is not here has to come in through a table of functions.
PURE_C = set("assert ctype errno inttypes limits math stdarg stdbool stddef stdint stdio stdlib "
             "string".split())
PUBLIC_C = {"stdbool", "stddef", "stdint"}

JOINS = ["platform/program_enrol.c"]  # of each program, and compiled into it, not into the platform
PROGRAM = ["main.c", "cli.c", "commands*.c", "program.h"]  # joins a node to the platform
STORE = ("store store_core record log vector feed apply cursor fold find history view "
         "write draft draft_write again again_delete origin guard verdict control head receipt "
         "proof_write safe verify* digest check beside gather poison journal reference lease outage "
         "acted chunk chunk_read snapshot snapshot_load relay grants scopes epoch fence backup refill coverage hubs "
         "carry elsewhere").split()

# Who alone may reach a library, directly or through our own headers.
LIBRARIES = {
    "sqlite3.h": ["sync/%s.[ch]" % name for name in STORE],
    "cbor.h": ["sync/codec.c"],
    "zlib.h": ["sync/frame.c"],
    "utf8proc.h": ["sync/words.c"],
    "jansson.h": ["sync/pack/*", "sync/api.[ch]", "edge/api*", "hub/api*", "platform/show*.[ch]",
                  "platform/program*.[ch]",
                  *["%s/%s" % (side, name) for side in ("edge", "hub") for name in PROGRAM]],
    "openssl/": ["platform/tls_identity.c", "platform/digest.c"],
    "libwebsockets.h": ["platform/*"],
    "uv.h": ["platform/*"],
    "mbedtls/": ["platform/*"],
    "confuse.h": ["platform/*"],
}

# Folder -> our own folders that it may include. `platform/` gets its types from status.h, and the
# engine's table of functions from crypto.h, which it fills.
OWN = {
    "include": ["include/*"],
    "sync": ["include/*", "sync/*"],
    "platform": ["platform/*", "include/holdfast/*"],
    "edge": ["edge/*", "include/*", "sync/*"],
    "hub": ["hub/*", "include/*", "sync/*"],
}


def matches(path, patterns):
    return any(fnmatch(path, pattern) for pattern in patterns)


def is_program(path):
    folder, _, name = path.partition("/")
    return folder in ("edge", "hub") and matches(name, PROGRAM)


def resolve(path, name):
    """The file that `#include "name"` in `path` means: beside it, in include/, or the root."""
    for base in (os.path.dirname(path), "include", "."):
        found = os.path.normpath(os.path.join(base, name))
        if (ROOT / found).is_file():
            return found
    return None


def includes_of(source):
    for number, line in enumerate(source.text.split("\n"), 1):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if found:
            yield number, found[1] == "<", found[2]


def library_of(name):
    for library in LIBRARIES:
        if name == library or (library.endswith("/") and name.startswith(library)):
            return library
    return None


def reached(sources, path):
    """Libraries that `path` sees through our own headers: (line, library, header)."""
    for number, angled, name in includes_of(sources[path]):
        first = None if angled else resolve(path, name)
        todo, seen = [first] if first in sources else [], set()
        while todo:
            header = todo.pop()
            if header in seen:
                continue
            seen.add(header)
            for _, inner_angled, inner in includes_of(sources[header]):
                if inner_angled:
                    if library_of(inner):
                        yield number, library_of(inner), header
                elif resolve(header, inner) in sources:
                    todo.append(resolve(header, inner))


def check_system_header(path, name):
    library = library_of(name)
    if library:
        if not matches(path, LIBRARIES[library]):
            return "<%s>: %s is not one of the files in LIBRARIES that may" % (name, path)
        return None
    folder = path.split("/")[0]
    if folder == "platform" or is_program(path) or path.startswith("sync/pack/"):
        return None
    allowed = PUBLIC_C if folder == "include" else PURE_C
    if name.removesuffix(".h") in allowed:
        return None
    return "<%s>: %s/ does not touch the outside world" % (name, folder)


def check_own_header(path, name):
    target = resolve(path, name)
    if target is None:
        if name == "config.h":
            return None
        return 'no such file of ours: "%s" (a library goes in <>)' % name
    folder = path.split("/")[0]
    allowed = OWN[folder] + (["platform/*"] if is_program(path) else [])
    allowed = allowed + (["sync/*"] if path in JOINS else [])
    if target.startswith("sync/pack/") and not path.startswith("sync/pack/"):
        return '"%s" belongs to the pack compiler' % name
    if not matches(target, allowed):
        return '"%s": %s may include %s' % (name, path, ", ".join(allowed))
    return None


def check_includes(sources):
    for path, source in sources.items():
        if path.split("/")[0] not in OWN:
            continue
        for number, angled, name in includes_of(source):
            problem = (check_system_header if angled else check_own_header)(path, name)
            if problem:
                yield path, number, problem
        for number, library, header in reached(sources, path):
            if not matches(path, LIBRARIES[library]):
                yield path, number, "reaches <%s> through %s, and is not one of those in " \
                    "LIBRARIES that may" % (library, header)


# ---- the shape of a file ----

class Source:
    def __init__(self, path):
        self.path = path
        self.text = (ROOT / path).read_text(encoding="utf-8")
        self._bare = None
        self._functions = None

    @property
    def bare(self):
        """The text with comments, strings and preprocessor lines blanked; same places."""
        if self._bare is None:
            blank = lambda m: re.sub(r"[^\n]", " ", m[0])
            text = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank,
                          self.text, flags=re.S)
            self._bare = re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", blank, text, flags=re.M)
        return self._bare

    def line(self, offset):
        return self.text.count("\n", 0, offset) + 1

    @property
    def functions(self):
        if self._functions is None:
            self._functions = list(self._find_functions())
        return self._functions

    def _find_functions(self):
        """(name, is_static, offset of its first line, start and end of its body)"""
        depth, statement, body = 0, 0, None
        for found in re.finditer(r"[{};]", self.bare):
            offset, char = found.start(), found[0]
            if char == "{":
                if depth == 0:
                    head = self.bare[statement:offset]
                    name = re.search(r"\b([A-Za-z_]\w*)\s*\(", head)
                    is_function = name and head.rstrip().endswith(")") and "=" not in head
                    body = (name[1], offset) if is_function else None
                depth += 1
            elif char == "}":
                depth -= 1
                if depth == 0 and body:
                    head = self.bare[statement:body[1]]
                    start = statement + len(head) - len(head.lstrip())
                    yield body[0], "static" in head.split(), start, body[1], offset
                    body, statement = None, offset + 1
            elif depth == 0:
                statement = offset + 1

    def top_level(self):
        """(offset, text) of each statement outside functions; what is in braces is blanked."""
        depth, start, text = 0, 0, []
        ends = {end for *_, end in self.functions}
        for offset, char in enumerate(self.bare):
            if char == "}":
                depth -= 1
            text.append(char if depth == 0 and char != "}" else " ")
            if char == "{":
                depth += 1
            if depth == 0 and (char == ";" or offset in ends):
                statement = "".join(text)
                yield start + len(statement) - len(statement.lstrip()), statement.strip()
                start, text = offset + 1, []


def check_size(sources):
    for path, source in sources.items():
        if not path.startswith(SIZED):
            continue
        lines = source.text.count("\n")
        if lines > FILE_LINES_MAX:
            yield path, lines, "%d lines; a file has at most %d" % (lines, FILE_LINES_MAX)
        for name, _, start, _, end in source.functions:
            lines = source.line(end) - source.line(start) + 1
            if lines > FUNCTION_LINES_MAX:
                yield path, source.line(start), "%s: %d lines; a function has at most %d" % (
                    name, lines, FUNCTION_LINES_MAX)
    for path, source in sources.items():
        lines = source.text.count("\n")
        if path.startswith("tests/example/") and lines >= EXAMPLE_LINES_MAX:
            yield path, lines, "%d lines; an example has fewer than %d" % (lines, EXAMPLE_LINES_MAX)


def check_columns(sources):
    for path, source in sources.items():
        for number, line in enumerate(source.text.split("\n"), 1):
            if len(line) > LINE_COLUMNS_MAX:
                yield path, number, "%d columns; a line has at most %d" % (len(line),
                                                                            LINE_COLUMNS_MAX)
            if "\t" in line:
                yield path, number, "a tab"


# ---- what is not said here ----

BANNED = {
    "strcpy": "hf_bytes and memcpy", "strcat": "snprintf", "sprintf": "snprintf",
    "vsprintf": "vsnprintf", "gets": "fgets", "atoi": "strtol with its checks",
    "atol": "strtol with its checks", "atof": "strtod with its checks", "strtok": "strcspn",
    "alloca": "a bounded array, or the heap",
}


def check_banned(sources):
    for path, source in sources.items():
        for found in re.finditer(r"\b(%s)\s*\(" % "|".join(BANNED), source.bare):
            yield path, source.line(found.start()), "%s: use %s" % (found[1], BANNED[found[1]])
        found = re.search(r"#\s*define\s+NDEBUG", source.text)
        if found:
            yield path, source.line(found.start()), "NDEBUG: asserts stay"


def check_swallowed(sources):
    """A cast to void says a result does not matter. Where writes are promised, it does."""
    statuses = set()
    for path, source in sources.items():
        statuses.update(re.findall(r"\bhf_status\s+(\w+)\s*\(", source.bare))
    for path, source in sources.items():
        if not path.startswith(PRODUCT):
            continue
        for found in re.finditer(r"\(void\)\s*(\w+)\s*\(", source.bare):
            if found[1] in statuses or found[1].startswith(("sqlite3_", "mbedtls_")):
                yield path, source.line(found.start()), "%s: its result is thrown away" % found[1]


def check_must_check(sources):
    for path, source in sources.items():
        if not path.endswith(".h") or not path.startswith(PRODUCT):
            continue
        for offset, text in source.top_level():
            found = re.search(r"\bhf_status\s+(\w+)\s*\(", text)
            if found and "typedef" not in text and "HF_MUST_CHECK" not in text:
                yield path, source.line(offset), "%s returns a status: HF_MUST_CHECK" % found[1]


def check_globals(sources):
    """A variable outside a function is state that no test can give twice; what a signal handler
    needs can stand nowhere else."""
    for path, source in sources.items():
        if not path.endswith(".c") or not path.startswith(PRODUCT):
            continue
        functions = {start for _, _, start, _, _ in source.functions}
        for offset, text in source.top_level():
            declared = text.split("=")[0]
            if offset in functions or re.match(r"(typedef|extern|enum|_Static_assert)\b", text):
                continue
            if re.match(r"(static\s+)?(struct|union)\s+\w+\s*\{?\s*;", text) or "(" in declared:
                continue
            if re.search(r"\bconst\b(?!.*\*(?!\s*const))", declared, re.S):
                continue
            if re.match(r"static volatile sig_atomic_t\b", declared):
                continue
            name = re.search(r"(\w+)\s*(\[[^\]]*\]\s*)*(=|;)", text)
            yield path, source.line(offset), "%s: a variable outside any function" % (
                name[1] if name else declared)


def check_recursion(sources):
    """Depth that an input decides is a crash that an input decides."""
    known, calls = {}, {}
    product = [s for p, s in sources.items() if p.endswith(".c") and p.startswith(PRODUCT)]
    for source in product:
        for name, is_static, start, _, _ in source.functions:
            known[(source.path if is_static else "", name)] = (source, start)
    for source in product:
        for name, is_static, _, body, end in source.functions:
            caller = (source.path if is_static else "", name)
            called = {(source.path, c) if (source.path, c) in known else ("", c)
                      for c in re.findall(r"(?<![>.\w])([A-Za-z_]\w*)\s*\(", source.bare[body:end])}
            calls[caller] = called & known.keys()
    for caller in calls:
        todo, seen = list(calls[caller]), set()
        while todo:
            callee = todo.pop()
            if callee not in seen:
                seen.add(callee)
                todo.extend(calls[callee])
        if caller in seen:
            source, start = known[caller]
            yield source.path, source.line(start), "%s: ends up calling itself" % caller[1]


def check_format(sources):
    paths = [p for p in sources if p.endswith((".c", ".h"))]
    result = subprocess.run(["clang-format", "--dry-run", "-Werror", *paths], cwd=ROOT, text=True,
                            stderr=subprocess.PIPE, check=False)
    found = {}
    for path, number in re.findall(r"^([^:\n]+):(\d+):\d+: error: code should be", result.stderr,
                                   re.M):
        found.setdefault(path, []).append(int(number))
    for path, lines in found.items():
        yield path, lines[0], "not as clang-format would lay it out (%d places): ./dev format" % (
            len(lines))
    if result.returncode and not found:
        yield ".clang-format", 1, "clang-format: " + result.stderr.strip()


CHECKS = {
    "includes": check_includes, "size": check_size, "columns": check_columns,
    "banned": check_banned, "swallowed": check_swallowed, "must_check": check_must_check,
    "globals": check_globals, "recursion": check_recursion, "format": check_format,
}


def load():
    paths = []
    for folder in PRODUCT + ("tests",):
        for suffix in ("c", "h", "inc"):
            paths += (ROOT / folder).rglob("*." + suffix)
    return {p: Source(p) for p in sorted(str(p.relative_to(ROOT)) for p in paths)}


def main(arguments):
    names = [a.removeprefix("--") for a in arguments] or list(CHECKS)
    for name in names:
        if name not in CHECKS:
            print("tidy.py: no check is called %s; there are %s" % (name, ", ".join(CHECKS)),
                  file=sys.stderr)
            return 2
    sources, results, total = load(), [], 0
    for name in names:
        findings = sorted(set(CHECKS[name](sources)))
        for path, number, message in findings:
            print("%s:%d: %s" % (path, number, message))
        total += len(findings)
        results.append("tidy:%s %s\n" % (name, "failed" if findings else "passed"))
    if os.environ.get("HOLDFAST_RESULTS"):
        with open(os.environ["HOLDFAST_RESULTS"], "a", encoding="utf-8") as file:
            file.writelines(results)
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
