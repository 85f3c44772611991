"""A headless Chromium for tests of pages. SPDX-License-Identifier: ISC

It talks Chromium's DevTools protocol, JSON with a zero after each message, over two pipes.
"""
import base64
import json
import os
import select
import signal
import subprocess
import time

SIZES = {"phone": (360, 740), "desk": (1280, 800)}
SCHEMES = ("light", "dark")

# Text whose contrast to what is behind it is less than WCAG's AA asks for.
CONTRAST = """(() => {
    const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const rgba = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return [n[0], n[1], n[2], n[3] ?? 1]; };
    const light = (c) => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
    const behind = (at) => {
        for (; at; at = at.parentElement) {
            const color = rgba(getComputedStyle(at).backgroundColor);
            if (color[3] > 0) return color;
        }
        return [255, 255, 255, 1];
    };
    const poor = [];
    for (const at of document.querySelectorAll("body *")) {
        if (!at.checkVisibility() || ![...at.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
        const style = getComputedStyle(at), a = light(rgba(style.color)), b = light(behind(at));
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) poor.push(`${at.textContent}: ${ratio.toFixed(2)}`);
    }
    return poor;
})()"""


class Chromium:
    """One browser with one page."""

    def __init__(self, profile):
        to_read, self.to_write = os.pipe()
        self.from_read, from_write = os.pipe()

        def place():  # at 3 and 4, where they may be already, one the other
            theirs = os.dup2(to_read, 1000), os.dup2(from_write, 1001)
            for at, descriptor in enumerate(theirs, 3):
                os.dup2(descriptor, at)
                os.close(descriptor)

        # What it connects to by itself goes nowhere.
        self.process = subprocess.Popen(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe",
             "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
             "--user-data-dir=" + profile, "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            close_fds=False, preexec_fn=place, start_new_session=True)
        os.close(to_read)
        os.close(from_write)
        self.buffer = b""
        self.last_id = 0
        self.session = None
        self.requests = []
        self.complaints = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def end(self):
        """It has children, which are in its process group."""
        os.close(self.to_write)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def receive(self, until):
        """The next message, or None when there is none before `until`."""
        while b"\0" not in self.buffer:
            rest = until - time.monotonic()
            if rest <= 0 or not select.select([self.from_read], [], [], rest)[0]:
                return None
            piece = os.read(self.from_read, 1 << 16)
            if not piece:
                raise EOFError("chromium has gone")
            self.buffer += piece
        text, self.buffer = self.buffer.split(b"\0", 1)
        message = json.loads(text)
        self.note(message.get("method"), message.get("params"))
        return message

    def note(self, method, params):
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append("console: " + json.dumps(params["args"]))
        elif method == "Runtime.exceptionThrown":
            self.complaints.append("exception: " + json.dumps(params["exceptionDetails"]))
        elif method == "Log.entryAdded":
            self.complaints.append("log: " + json.dumps(params["entry"]))
        elif method == "Page.javascriptDialogOpening":
            self.complaints.append("dialog: " + params["message"])

    def call(self, method, **params):
        self.last_id += 1
        message = {"id": self.last_id, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to_write, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + 40
        while (answer := self.receive(until)) is not None:
            if answer.get("id") == self.last_id:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
        raise TimeoutError(method)

    def open(self, url):
        self.call("Page.navigate", url=url)
        until = time.monotonic() + 40
        while (message := self.receive(until)) is not None:
            if message.get("method") == "Page.loadEventFired":
                return
        raise TimeoutError(url)

    def evaluate(self, script):
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def listen(self, seconds):
        """Only takes what comes."""
        until = time.monotonic() + seconds
        while self.receive(until) is not None:
            pass

    def soon(self, script, seconds=20):
        """Whether it becomes true."""
        until = time.monotonic() + seconds
        while not self.evaluate(script):
            if time.monotonic() > until:
                return False
            self.listen(0.1)
        return True

    def look_like(self, size, scheme):
        width, height = SIZES[size]
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=size == "phone")
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def shoot(self, path, whole=False):
        with open(path, "wb") as file:
            shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
            file.write(base64.b64decode(shot["data"]))


class Looker:
    """Looks at the page at `arguments.url`, and counts what is wrong."""

    def __init__(self, arguments, chromium):
        self.arguments = arguments
        self.chromium = chromium
        self.failures = 0

    def hold(self, good, what):
        if not good:
            self.failures += 1
            print("FAILED:", what)

    def looks(self):
        """Opens it in every size and scheme, and says in which."""
        for size in SIZES:
            for scheme in SCHEMES:
                name = f"{size}, {scheme}"
                self.chromium.look_like(size, scheme)
                self.chromium.open(self.arguments.url)
                width = self.chromium.evaluate("document.documentElement.scrollWidth")
                self.hold(width == SIZES[size][0], f"{name}: the page is {width} wide")
                poor = self.chromium.evaluate(CONTRAST)
                self.hold(poor == [], f"{name}: poor contrast: {poor}")
                yield name, size, scheme
