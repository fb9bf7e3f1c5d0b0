#!/usr/bin/env python3
"""Whether tree-sitter and the language server call every word of the repository's programs alike.

    pip install tree-sitter
    ./words.py ../../target/debug/dflowc

A word is a name, a keyword or a unit. The queries know no definitions: a name whose meaning only a definition tells
(`tile K by m`: a parameter or a constant) is `@variable` to them, and that is no disagreement. Programs that the grammar
does not read, because of a mistake in them, are left out. The exit code is 1 if any word is called otherwise.
"""

import collections
import ctypes
import pathlib
import subprocess
import sys
import tempfile

from tree_sitter import Language, Parser, Query, QueryCursor

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "editors"))
from client import Client  # noqa: E402

# What the server calls a word, and what the queries may call it.
ALIKE = {
    "keyword": {"keyword", "keyword.directive", "keyword.operator", "keyword.import"},
    "class": {"type", "type.definition", "variable"},
    "struct": {"type", "type.definition", "variable"},
    "interface": {"type", "type.definition", "variable"},
    "event": {"type.definition"},
    # Of what is imported the queries know no more than the folder.
    "function": {"function", "function.call", "function.builtin", "variable", "type"},
    "macro": {"constant", "variable"},
    "variable": {"label", "variable"},
    "enum": {"type", "variable"},
    "parameter": {"variable.parameter", "variable"},
    # A name that is not there.
    "property": {"property", "label", "type"},
    "typeParameter": {"variable.member", "variable"},
    "enumMember": {"constant.builtin", "boolean"},
    "namespace": {"module"},
    "number": {"number"},
    "operator": {"operator"},
    # Defined nowhere: a mistake.
    None: {"variable", "type", "variable.parameter", "label", "function", "function.call", "number"},
}


def language():
    """The grammar, compiled."""
    library = pathlib.Path(tempfile.mkdtemp()) / "dflow.so"
    sources = [HERE / "src" / "parser.c", HERE / "src" / "scanner.c"]
    sources = [str(source) for source in sources if source.exists()]
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-I", str(HERE / "src"), *sources, "-o", str(library)], check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.tree_sitter_dflow.restype = ctypes.c_void_p
    return Language(loaded.tree_sitter_dflow())


class Server(Client):
    """The language server, asked for colours."""

    def __init__(self, program):
        tokens = {"requests": {"full": True}, "tokenTypes": [], "tokenModifiers": [], "formats": ["relative"]}
        super().__init__(
            program,
            {"general": {"positionEncodings": ["utf-8"]}, "textDocument": {"semanticTokens": tokens}},
        )
        self.types = self.server["semanticTokensProvider"]["legend"]["tokenTypes"]

    def words(self, path, text):
        """By bytes from and to: what the server calls what is there."""
        document = {"uri": path.as_uri()}
        opened = {**document, "languageId": "dflow", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": opened})
        data = self.answer("textDocument/semanticTokens/full", {"textDocument": document})["data"]
        self.tell("textDocument/didClose", {"textDocument": document})
        starts = [0]
        for line in text.encode().split(b"\n"):
            starts.append(starts[-1] + len(line) + 1)
        found, line, column = {}, 0, 0
        for at in range(0, len(data), 5):
            down, right, length, kind, _ = data[at : at + 5]
            line, column = line + down, right if down else column + right
            begin = starts[line] + column
            found[begin, begin + length] = self.types[kind]
        return found


def captured(query, root):
    """By bytes from and to: what the queries call what is there; of several patterns the last."""
    best = {}
    for pattern, captures in QueryCursor(query).matches(root):
        for name, nodes in captures.items():
            for node in nodes:
                place = node.start_byte, node.end_byte
                if not name.startswith("_") and best.get(place, (-1,))[0] <= pattern:
                    best[place] = pattern, name
    return {place: name for place, (_, name) in best.items()}


def main():
    dflow = language()
    query = Query(dflow, (HERE / "queries" / "highlights.scm").read_text())
    parser, server = Parser(dflow), Server(sys.argv[1])
    words, programs, otherwise = 0, 0, collections.defaultdict(list)
    for folder in ["stdlib", "examples", "tests"]:
        for path in sorted((ROOT / folder).rglob("*.dflow")):
            try:
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
            source = text.encode()
            root = parser.parse(source).root_node
            if root.has_error:
                continue
            programs += 1
            captures, tokens = captured(query, root), server.words(path, text)
            numbers = sorted(place for place, kind in tokens.items() if kind == "number")
            for begin, end in sorted(set(captures) | set(tokens)):
                word = source[begin:end].decode(errors="replace")
                if not (word[:1].isalpha() or word[:1] == "_"):
                    continue
                called, capture = tokens.get((begin, end)), captures.get((begin, end))
                if capture == "number" and any(low <= begin and end <= high for low, high in numbers):
                    called = "number"
                words += 1
                if capture not in ALIKE.get(called, ()):
                    line = source[:begin].count(b"\n") + 1
                    otherwise[called, capture].append(f"{path.relative_to(ROOT)}:{line} {word}")
    different = sum(len(places) for places in otherwise.values())
    print(f"{words} words of {programs} programs, {different} called otherwise")
    for (called, capture), places in sorted(otherwise.items(), key=lambda entry: -len(entry[1])):
        print(f"{len(places)} times {called} and @{capture}: {', '.join(places[:3])}")
    server.process.kill()
    sys.exit(1 if different else 0)


main()
