"""Draw a page of charts and texts as PNG, in a process that ends afterwards: what draws takes 100 MB.

``python -m app.charts.drawing`` reads the page from its standard input and writes the picture to its output.
"""

from __future__ import annotations

import json
import re
import sys


def main():
    """Draw the page `{size, fonts, texts, charts}`, see :func:`app.charts.poster.poster_page`."""
    import vl_convert

    page = json.load(sys.stdin)
    for folder in page["fonts"]:
        vl_convert.register_font_directory(folder)
    parts = page["texts"] + [_placed(vl_convert.vegalite_to_svg(one["spec"]), one) for one in page["charts"]]
    width, height = page["size"]
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    paper = f'<rect width="{width}" height="{height}" fill="white"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{paper}{"".join(parts)}</svg>'
    sys.stdout.buffer.write(vl_convert.svg_to_png(svg, scale=page["scale"]))


def _placed(svg, chart):
    """Return a chart as a part of a page, whose names are of this part only."""
    place = f"{chart['x']}-{chart['y']}"
    svg = re.sub(r'(id="|url\(#)', rf"\1part{place}-", svg)
    return svg.replace("<svg ", f'<svg x="{chart["x"]}" y="{chart["y"]}" ', 1)


if __name__ == "__main__":
    main()
