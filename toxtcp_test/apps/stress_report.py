#!/usr/bin/env python3
"""Opens the report of toxtcp-stress in headless Chromium and looks at it. SPDX-License-Identifier: ISC"""
import argparse
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from chromium import Chromium, Looker  # noqa: E402

CHARTS = """[...document.querySelectorAll('figure svg')].map((svg) => {
    const box = svg.getBoundingClientRect();
    const lines = [...svg.querySelectorAll('path')].map((path) => path.getTotalLength());
    return {title: svg.parentElement.querySelector('figcaption').textContent, width: box.width, height: box.height,
            longest: Math.max(0, ...lines)};
})"""

# What gnuplot wrote in black must not stay black on a dark page: the lightness of an axis and of a label.
INK = """[...document.querySelectorAll('figure svg text, figure svg g[stroke="black"], figure svg g[stroke="none"] text')]
    .map((at) => getComputedStyle(at)[at.tagName === 'text' ? 'fill' : 'stroke'])
    .filter((color) => color !== 'none').map((color) => Number(color.match(/[0-9]+/)[0]))"""


class ReportLooker(Looker):
    def sizes_and_schemes(self):
        for name, size, scheme in self.looks():
            self.charts(name)
            ink = self.chromium.evaluate(INK)
            light = [value > 128 for value in ink]
            self.hold(len(ink) > 20 and (all(light) if scheme == "dark" else not any(light)), f"{name}: ink of {ink}")
            self.chromium.shoot(f"{self.arguments.shots}/report-{size}-{scheme}.png", whole=True)

    def charts(self, name):
        charts = self.chromium.evaluate(CHARTS)
        found = {chart["title"] for chart in charts}
        self.hold(found >= set(self.arguments.chart), f"{name}: the charts are {found}")
        for chart in charts:
            self.hold(chart["width"] > 250 and chart["height"] > 130 and chart["longest"] > 100, f"{name}: {chart}")

    def texts(self):
        text = self.chromium.evaluate("document.body.innerText")
        for wanted in self.arguments.text:
            self.hold(wanted in text, f"it does not say {wanted!r} but {text!r}")
        orange = "(document.querySelector('figure').innerHTML.match(/rgb\\( *194, *65, *12\\)/g) ?? []).length"
        marks = self.chromium.evaluate(orange)
        self.hold(self.arguments.events is None or marks > self.arguments.events, f"{marks} marks of events")
        strangers = "document.querySelectorAll('script, img, link, iframe, object, embed, foreignObject, a, b').length"
        self.hold(self.chromium.evaluate(strangers) == 0, "there are elements that should not be there")

    def look(self):
        self.sizes_and_schemes()
        self.texts()
        others = [url for url in self.chromium.requests if url != self.arguments.url]
        self.hold(others == [], f"it went to {others}")
        self.hold(self.chromium.complaints == [], f"complaints: {self.chromium.complaints}")
        return self.failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", required=True)
    parser.add_argument("--shots", required=True)
    parser.add_argument("--chart", action="append", default=[], help="the title of one that must be there")
    parser.add_argument("--text", action="append", default=[], help="what the page must say")
    parser.add_argument("--events", type=int, help="how many the charts must show")
    parser.add_argument("url")
    arguments = parser.parse_args()
    chromium = Chromium(arguments.profile)
    try:
        return 1 if ReportLooker(arguments, chromium).look() else 0
    finally:
        chromium.end()


sys.exit(main())
