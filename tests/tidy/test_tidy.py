#!/usr/bin/env python3
"""A check that never finds anything is worth nothing: each is shown what it must find, beside what
it must let pass."""
import os
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
import promises
import tidy

LONG = "int hf_long(void)\n{\n" + "    ;\n" * 60 + "}\n"

# check, {path: text}, what it must find (as "path:line"), in order
CASES = [
    ("includes", {"sync/feed.c": '#include "holdfast/a.h"\n#include <sqlite3.h>\n',
                  "include/holdfast/a.h": "#include <stdint.h>\n"}, []),
    ("includes", {"sync/merge.c": "#include <sqlite3.h>\n"}, ["sync/merge.c:1"]),
    ("includes", {"sync/merge.c": "#include <string.h>\n#include <time.h>\n"}, ["sync/merge.c:2"]),
    ("includes", {"sync/merge.c": '#include "hub/hub.h"\n', "hub/hub.h": ""}, ["sync/merge.c:1"]),
    ("includes", {"edge/node.c": '#include "hub/hub.h"\n', "hub/hub.h": ""}, ["edge/node.c:1"]),
    ("includes", {"edge/node.c": '#include "platform/keys.h"\n',
                  "edge/main.c": '#include "platform/keys.h"\n',
                  "platform/keys.h": '#include "holdfast/crypto.h"\n',
                  "include/holdfast/crypto.h": ""}, ["edge/node.c:1"]),
    ("includes", {"platform/loop.c": '#include "sync/store.h"\n', "sync/store.h": ""},
     ["platform/loop.c:1"]),
    ("includes", {"sync/a.h": '#include "store_core.h"\n', "sync/merge.c": '#include "a.h"\n',
                  "sync/store_core.h": "#include <sqlite3.h>\n"}, ["sync/a.h:1", "sync/merge.c:1"]),
    ("includes", {"include/holdfast/a.h": "#include <stdio.h>\n"}, ["include/holdfast/a.h:1"]),
    ("includes", {"sync/a.c": '#include "pack/source.h"\n', "sync/pack/source.h": ""},
     ["sync/a.c:1"]),
    ("includes", {"platform/a.c": "#include <openssl/ssl.h>\n",
                  "platform/tls_identity.c": "#include <openssl/ssl.h>\n"}, ["platform/a.c:1"]),
    ("includes", {"hub/api.c": "#include <jansson.h>\n", "hub/hub.c": "#include <jansson.h>\n"},
     ["hub/hub.c:1"]),
    ("includes", {"edge/main.c": "#include <unistd.h>\n", "edge/node.c": "#include <unistd.h>\n"},
     ["edge/node.c:1"]),
    ("includes", {"hub/hub.c": '#include "gone.h"\n'}, ["hub/hub.c:1"]),
    ("size", {"sync/a.c": LONG}, ["sync/a.c:1"]),
    ("size", {"sync/a.c": LONG.replace("    ;\n", "", 3)}, []),
    ("size", {"edge/a.c": "\n" * 601, "hub/a.c": "\n" * 600}, ["edge/a.c:601"]),
    ("size", {"tests/example/a.c": "\n" * 60}, ["tests/example/a.c:60"]),
    ("columns", {"sync/a.c": "x" * 100 + "\n" + "é" * 100 + "\n" + "x" * 101 + "\n"},
     ["sync/a.c:3"]),
    ("banned", {"sync/a.c": '/* atoi(x) */ "atoi(x)"; my_atoi(x);\natoi(x);\n'}, ["sync/a.c:2"]),
    ("banned", {"sync/a.c": "#define NDEBUG\n"}, ["sync/a.c:1"]),
    ("swallowed", {"sync/a.h": "hf_status hf_put(void);\nbool hf_is(void);\n",
                   "sync/a.c": "(void)hf_is();\n(void)hf_put();\n(void)sqlite3_step(s);\n"},
     ["sync/a.c:2", "sync/a.c:3"]),
    ("must_check", {"sync/a.h": "HF_MUST_CHECK hf_status hf_a(int x);\n/* why */\n"
                                "hf_status hf_b(int x,\n               int y);\n"
                                "typedef hf_status (*hf_c)(void);\nconst char *hf_d(hf_status s);\n"
                    }, ["sync/a.h:3"]),
    ("globals", {"sync/a.c": "static const int A = 1;\nstatic int count;\n"
                             "static const char *const NAMES[] = {\n    0};\n"
                             "int hf_f(void)\n{\n    int local = 1;\n    return local;\n}\n"
                             "static const char *pointer = 0;\nstruct a {\n    int b;\n};\n"},
     ["sync/a.c:2", "sync/a.c:10"]),
    ("recursion", {"sync/a.c": "int hf_a(int x)\n{\n    return x->hf_a(1);\n}\n"
                               "static int b(void)\n{\n    return hf_c();\n}\n"
                               "int hf_c(void)\n{\n    return b();\n}\n"},
     ["sync/a.c:5", "sync/a.c:9"]),
    ("format", {"sync/a.c": "int x;\n", "sync/b.c": "int  x ;\n"}, ["sync/b.c:1"]),
]

PAGE = """# x
| not | this `unit:nowhere/one` |
## Promises, and the test behind each
| We promise | Guarded by |
|---|---|
| one | `unit:a/one` and `sim:S1` |
| two | `unit:a/two` |
| three | |
| four | `unit:a/four` `e2e:gone` |
| five | `unit:b/kept_from_running` |
"""
RESULTS = "unit:a/one/few passed\nunit:a/one/many passed\nsim:S1 passed\nunit:a/two failed\n" \
          "unit:a/two passed\nunit:a/four skipped\nunit:b/fell failed\n"
PROMISED, TOLD = [8, 9, 9], [7, 10]


def put(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def tidy_failures():
    layout = (tidy.ROOT / ".clang-format").read_text(encoding="utf-8")
    for number, (check, files, expected) in enumerate(CASES):
        with tempfile.TemporaryDirectory() as folder:
            tidy.ROOT = Path(folder)
            put(tidy.ROOT, {**files, ".clang-format": layout})
            found = sorted(set(tidy.CHECKS[check](tidy.load())), key=lambda f: (f[0], f[1]))
            if ["%s:%d" % f[:2] for f in found] != expected:
                yield "case %d, %s: found %s, expected %s" % (number, check, found, expected)


def promise_failures():
    with tempfile.TemporaryDirectory() as folder:
        promises.ROOT = Path(folder)
        put(promises.ROOT, {"docs/architecture.md": PAGE, "results": RESULTS,
                            "README.md": "[a](docs/architecture.md) [b](gone.md#x)\n"})
        os.environ["HOLDFAST_RESULTS"] = str(promises.ROOT / "results")
        told = []
        lines = [int(f.split(":")[1]) for f in promises.check_promises(told)]
        if lines != PROMISED:
            yield "promises: found lines %s, expected %s" % (lines, PROMISED)
        lines = [int(f.split(":")[1]) for f in told]
        if lines != TOLD:
            yield "promises that a failure broke: told of lines %s, expected %s" % (lines, TOLD)
        if len(list(promises.check_links())) != 1:
            yield "links: the one that leads nowhere was not found"


def main():
    results = os.environ.get("HOLDFAST_RESULTS")
    failures = [*tidy_failures(), *promise_failures()]
    print("\n".join(failures), end="\n" if failures else "")
    if results:
        with open(results, "a", encoding="utf-8") as file:
            file.write("tidy:finds_what_it_must %s\n" % ("failed" if failures else "passed"))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
