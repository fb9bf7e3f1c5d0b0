#!/usr/bin/env python3
"""How long after a key stroke an editor has all answers.

    cargo build --release
    editors/latency.py target/release/dflowc

Two files: 1,000 lines with ResNet-50 in them, and ten fused groups. In each a number is typed anew 200 times, once so that
one layer or group changes, and once so that all of them do, to mappings never seen before. After each stroke the client
asks for what an editor asks for (hints, colours, outline, lenses, folds) and waits for those and for the diagnostics.
Printed are the median, the 95th percentile and the longest, in milliseconds.
"""

import pathlib
import sys
import time

from client import Client

ROOT = pathlib.Path(__file__).resolve().parent.parent
STROKES = 200
ASKED = ["inlayHint", "semanticTokens/full", "documentSymbol", "codeLens", "foldingRange"]


def resnet(one, many):
    """`one` is in a dataflow of one layer, `many` in that of all convolutions."""
    library = lambda path: (ROOT / "stdlib" / path).read_text()
    text = "use std.accelerators.eyeriss;\n" + library("networks/resnet50.dflow")
    text += library("dataflows/row_stationary.dflow").replace("Dataflow row_stationary(", "Dataflow mine(")
    text += (
        "Map resnet50 on eyeriss {\n"
        f"  conv1: mine(k_tile = {one % 16 + 1}, c_tile = {one // 16 % 3 + 1});\n"
        f"  default: mine(k_tile = {many % 16 + 1}, c_tile = {many // 16 + 1});\n}}\n"
    )
    number = 0
    while text.count("\n") < 1000:
        text += (
            f"// Number {number}.\nDataflow spare_{number}(k_tile = {number} + 1) {{\n  TemporalMap(k_tile, k_tile) K;\n"
            "  TemporalMap(1,1) C;\n  SpatialMap(1,1) Y';\n  TemporalMap(1,1) X';\n}\n"
        )
        number += 1
    return text


def groups(one, many):
    """`one` is in the first group, `many` in all others."""
    text = (
        "Accelerator edge {\n  Precision: INT8;\n  Memory DRAM { Bandwidth: 16B/cycle }\n  Memory GLB { Size: 4MiB }\n"
        "  Array PE { Shape: [64] }\n  Memory RF { }\n  Compute MAC { }\n}\nNetwork blocks {\n"
    )
    for block in range(10):
        wide, narrow = 24 * (block + 2), 4 * (block + 2)
        text += (
            f"  Layer e{block} {{ Type: CONV; Dimensions {{ K: {wide}, C: {narrow}, Y: 56, X: 56, R: 1, S: 1 }} Inputs: external; }}\n"
            f"  Layer d{block} {{ Type: DWCONV; Dimensions {{ C: {wide}, Y: 56, X: 56, R: 3, S: 3 }} Padding {{ Y: 1, X: 1 }} Inputs: e{block}; }}\n"
            f"  Layer p{block} {{ Type: CONV; Dimensions {{ K: {narrow}, C: {wide}, Y: 56, X: 56, R: 1, S: 1 }} Inputs: d{block}; }}\n"
        )
    text += "}\nMap blocks on edge {\n"
    for block in range(10):
        turn = one if block == 0 else many
        rows, columns = turn % 28 + 1, turn // 28 + 20
        text += (
            f"  Fuse e{block}, d{block}, p{block} {{\n"
            f"    retain e{block}.Weight, d{block}.Weight, p{block}.Weight in GLB;\n"
            f"    tile p{block}.P by {rows} {{\n      retain d{block}.Input, p{block}.Input in GLB;\n"
            f"      tile p{block}.Q by {columns} {{\n"
            f"        sequence {{ run e{block}; run d{block}; run p{block}; }}\n      }}\n    }}\n  }}\n"
        )
    return text + "}\n"


class Server(Client):
    def __init__(self, program):
        tokens = {"requests": {"full": True}, "tokenTypes": [], "tokenModifiers": [], "formats": ["relative"]}
        document = {"semanticTokens": tokens, "documentSymbol": {"hierarchicalDocumentSymbolSupport": True}}
        super().__init__(program, {"textDocument": document})

    def wait(self, open_requests, version):
        """Until all have been answered, and there are diagnostics of the version."""
        published = False
        while open_requests or not published:
            message = self.receive()
            if "method" not in message:
                assert "error" not in message, message
                open_requests.discard(message["id"])
            elif message["method"] == "textDocument/publishDiagnostics":
                published = published or message["params"].get("version") == version

    def stroke(self, uri, version, text):
        begin = time.perf_counter()
        document = {"uri": uri}
        self.tell(
            "textDocument/didChange",
            {"textDocument": {**document, "version": version}, "contentChanges": [{"text": text}]},
        )
        whole = {"start": {"line": 0, "character": 0}, "end": {"line": text.count("\n"), "character": 0}}
        requests = {self.ask(f"textDocument/{what}", {"textDocument": document, "range": whole}) for what in ASKED}
        self.wait(requests, version)
        return (time.perf_counter() - begin) * 1000


def main():
    for name, text in [("1,000 lines with ResNet-50", resnet), ("ten fused groups", groups)]:
        for what, strokes in [
            ("one changes", lambda turn: (turn + 1, 0)),
            ("all change", lambda turn: (turn + 1, turn + 1)),
        ]:
            server = Server(sys.argv[1])
            uri = (ROOT / "latency.dflow").as_uri()
            opened = {"uri": uri, "languageId": "dflow", "version": 1, "text": text(0, 0)}
            server.tell("textDocument/didOpen", {"textDocument": opened})
            server.wait(set(), 1)
            times = sorted(server.stroke(uri, turn + 2, text(*strokes(turn))) for turn in range(STROKES))
            server.process.kill()
            print(
                f"{name}, {what}: median {times[STROKES // 2]:.1f}, 95 % {times[STROKES * 95 // 100]:.1f},"
                f" longest {times[-1]:.1f} ms"
            )


main()
