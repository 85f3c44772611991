#!/usr/bin/env python3
"""Opens the status page in headless Chromium and looks at it. SPDX-License-Identifier: ISC"""
import argparse
import json
import os
import signal
import sys
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from chromium import Chromium, Looker  # noqa: E402


class PageLooker(Looker):
    def text_of(self, path):
        return self.chromium.evaluate(f"document.querySelector('[data-path=\"{path}\"]').textContent")

    def figures(self):
        with urllib.request.urlopen(self.arguments.url + "figures.json?history=0", timeout=10) as answer:
            return json.load(answer)

    def sizes_and_schemes(self):
        for name, size, scheme in self.looks():
            lines = self.chromium.evaluate(
                "[...document.querySelectorAll('.chart .line')].map((line) => line.getAttribute('d').length)")
            self.hold(len(lines) == 4 and min(lines) > 200, f"{name}: the charts have lines of {lines}")
            if size == "desk":
                self.hold(self.chromium.soon("!document.querySelector('#workers tbody').textContent.includes('\u2013')"),
                          f"{name}: workers without rates")
            self.chromium.shoot(f"{self.arguments.shots}/{size}-{scheme}.png")
        self.chromium.look_like("phone", "dark")

    def live_numbers(self):
        before = self.figures()
        for path, number in (("packets.data", before["packets"]["data"]), ("accepted", None)):
            if number is not None:
                script = f"""Number(document.querySelector('[data-path="{path}"]').textContent.replace(/\\D/g, ""))"""
                self.hold(self.chromium.soon(f"{script} > {number}"), f"{path} does not grow over {number}")
                shown, after = self.chromium.evaluate(script), self.figures()["packets"]["data"]
                self.hold(number < shown <= after, f"{path}: {number} < {shown} <= {after}")
        self.hold(self.text_of("public_key") == before["public_key"], "the public key is not shown")
        self.hold(self.text_of("motd") == before["motd"], "the message of the day is not shown")
        self.hold(self.text_of("uptime_seconds").startswith("3 d 2 h"), "not running for 3 days")
        rows = self.chromium.evaluate("document.querySelectorAll('#workers tbody tr').length")
        self.hold(rows == 2, f"{rows} workers")
        troubles = self.chromium.evaluate(
            "[...document.querySelectorAll('#trouble tr')].filter((row) => row.checkVisibility()).map((row) => "
            "row.textContent.trim())")
        self.hold(any(row.startswith("Handshake: wrong key") for row in troubles) and
                  not any(row.endswith("\n0") for row in troubles) and
                  not any(row.startswith("Refused: full") for row in troubles), f"troubles: {troubles}")

    def polls(self, seconds):
        self.chromium.requests.clear()
        self.chromium.listen(seconds)
        return len(self.chromium.requests)

    def hidden(self):
        self.chromium.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true, "
                               "writable: true}); document.dispatchEvent(new Event('visibilitychange'))")
        self.chromium.soon("true")
        self.chromium.listen(0.5)
        self.hold(self.polls(4.5) == 0, "it polls while it is hidden")
        self.chromium.evaluate("document.hidden = false; document.dispatchEvent(new Event('visibilitychange'))")
        self.hold(self.polls(3.5) > 0, "it does not poll any more")

    def copies(self):
        self.chromium.evaluate("document.getElementById('copy').click()")
        self.hold(self.chromium.soon("document.getElementById('copy').textContent !== 'Copy'"), "no copy")

    def without_script(self):
        self.chromium.call("Emulation.setScriptExecutionDisabled", value=True)
        self.chromium.look_like("phone", "light")
        self.chromium.open(self.arguments.url)
        shown = self.text_of("packets.data")
        self.hold(shown.isdigit() and int(shown) > 1000, f"without the script: {shown} packets")
        width = self.chromium.evaluate("document.documentElement.scrollWidth")
        self.hold(width == 360, f"without the script the page is {width} wide")
        self.chromium.shoot(f"{self.arguments.shots}/phone-plain.png")
        self.chromium.call("Emulation.setScriptExecutionDisabled", value=False)

    def hostile(self):
        self.chromium.open(self.arguments.hostile)
        self.chromium.listen(2.5)
        shown = self.text_of("motd")
        self.hold(shown.startswith("</span><script>alert(1)") and "{{report}}" in shown, f"hostile: {shown}")
        self.hold(self.chromium.evaluate("document.querySelectorAll('img').length") == 0, "there is an image")

    def no_strangers(self):
        ours = (self.arguments.url, self.arguments.hostile, "data:", "about:")
        strangers = [url for url in self.chromium.requests if not url.startswith(ours)]
        self.hold(strangers == [], f"it went to {strangers}")
        self.hold(self.chromium.complaints == [], f"complaints: {self.chromium.complaints}")

    def silent_relay(self):
        state = "document.getElementById('state').textContent"
        os.kill(self.arguments.server, signal.SIGSTOP)
        try:
            self.hold(self.chromium.soon(state + ".startsWith('No answer for')"), "it does not say that the relay is silent")
            self.chromium.shoot(f"{self.arguments.shots}/phone-silent.png")
        finally:
            os.kill(self.arguments.server, signal.SIGCONT)
        self.hold(self.chromium.soon(state + " === 'Running'"), "it does not say that the relay is back")

    def look(self):
        self.sizes_and_schemes()
        self.no_strangers()
        self.live_numbers()
        self.copies()
        self.no_strangers()
        self.hidden()
        self.without_script()
        self.hostile()
        self.no_strangers()
        self.chromium.look_like("phone", "dark")
        self.chromium.open(self.arguments.url)
        self.silent_relay()
        return self.failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", required=True)
    parser.add_argument("--shots", required=True)
    parser.add_argument("--hostile", required=True)
    parser.add_argument("--server", required=True, type=int)
    parser.add_argument("url")
    arguments = parser.parse_args()
    chromium = Chromium(arguments.profile)
    try:
        return 1 if PageLooker(arguments, chromium).look() else 0
    finally:
        chromium.end()


sys.exit(main())
