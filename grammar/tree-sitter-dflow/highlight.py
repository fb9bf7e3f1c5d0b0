#!/usr/bin/env python3
"""A file in the colours of queries/highlights.scm, as a picture.

    ./highlight.py ../../examples/vgg16_eyeriss.dflow > highlight.svg

`tree-sitter highlight --html` says which text has which colour (theme.json says which colours there are); this script
lays its spans out as lines of an SVG. `--from` and `--to` take some lines of the file only.
"""

import argparse
import html.parser
import pathlib
import subprocess
import xml.sax.saxutils

HERE = pathlib.Path(__file__).parent

SIZE = 13.5  # pixels of a letter's height
ADVANCE = 0.602  # a letter's width by its height, in every usual font of fixed width
LEADING = 20  # pixels from line to line
MARGIN = 18


class Spans(html.parser.HTMLParser):
    """The text inside <code>, in pieces of one style."""

    def __init__(self):
        super().__init__()
        self.styles = []
        self.inside = False
        self.pieces = []

    def handle_starttag(self, tag, attributes):
        if tag == "code":
            self.inside = True
        elif tag == "span":
            self.styles.append(dict(attributes).get("style") or "")

    def handle_endtag(self, tag):
        if tag == "code":
            self.inside = False
        elif tag == "span":
            self.styles.pop()

    def handle_data(self, text):
        if self.inside:
            self.pieces.append((self.styles[-1] if self.styles else "", text))


def lines_of(pieces):
    lines = [[]]
    for style, text in pieces:
        for number, part in enumerate(text.split("\n")):
            if number > 0:
                lines.append([])
            if part:
                lines[-1].append((style, part))
    while lines and not lines[-1]:
        lines.pop()
    return lines


def attributes(style):
    css = dict(part.split(":", 1) for part in style.replace(" ", "").split(";") if ":" in part)
    found = [f'fill="{css["color"]}"'] if "color" in css else []
    if css.get("font-weight") == "bold":
        found.append('font-weight="bold"')
    if css.get("font-style") == "italic":
        found.append('font-style="italic"')
    return " ".join(found)


def svg(lines):
    columns = max((sum(len(text) for _, text in line) for line in lines), default=0)
    width = round(columns * SIZE * ADVANCE + 2 * MARGIN)
    height = len(lines) * LEADING + 2 * MARGIN - 6
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8" fill="#ffffff" stroke="#d0d7de"/>',
        f'<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, \'DejaVu Sans Mono\', monospace" font-size="{SIZE}"'
        ' fill="#24292f" style="white-space: pre">',
    ]
    for number, line in enumerate(lines):
        if not line:
            continue
        spans = "".join(
            f"<tspan {attributes(style)}>{xml.sax.saxutils.escape(text)}</tspan>" if attributes(style)
            else xml.sax.saxutils.escape(text)
            for style, text in line
        )
        y = MARGIN + 10 + number * LEADING
        out.append(f'<text x="{MARGIN}" y="{y}" xml:space="preserve">{spans}</text>')
    out.append("</g></svg>")
    return "\n".join(out)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("file", type=pathlib.Path)
    arguments.add_argument("--from", dest="first", type=int, default=1, help="first line, counted from 1")
    arguments.add_argument("--to", dest="last", type=int, default=None, help="last line")
    given = arguments.parse_args()
    command = [
        "tree-sitter", "highlight", "--html", "--style", "inline", "--layout", "fragment",
        "--config-path", str(HERE / "theme.json"), "--grammar-path", str(HERE), str(given.file.resolve()),
    ]
    page = subprocess.run(command, cwd=HERE, check=True, capture_output=True, text=True).stdout
    spans = Spans()
    spans.feed(page if "<code" in page else f"<code>{page}</code>")
    print(svg(lines_of(spans.pieces)[given.first - 1:given.last]))


if __name__ == "__main__":
    main()
