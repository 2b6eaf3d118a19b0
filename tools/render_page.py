"""Shows a page in a real browser without a screen: picture, console, requests, and figures.

``python tools/render_page.py PAGE --out PICTURE.png [--dark] [--figure space]`` writes a picture
and prints one JSON object. Needs the extra ``browser``.
"""

import argparse
import json
import os
from pathlib import Path
import sys
from typing import Any

from PySide6.QtCore import QEventLoop, QRect, QTimer, QUrl
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWebEngineCore import (
    QWebEnginePage,
    QWebEngineProfile,
    QWebEngineScript,
    QWebEngineSettings,
    QWebEngineUrlRequestInfo,
    QWebEngineUrlRequestInterceptor,
)
from PySide6.QtWebEngineWidgets import QWebEngineView
from PySide6.QtWidgets import QApplication

_FLAGS = '--no-sandbox --disable-gpu --blink-settings=preferredColorScheme='
"""Root may not use the sandbox, and the page is ours; there is no graphics card to rely on."""
_LIMIT_MS = 60_000
_WINDOW_HEIGHT = 1600
_SETTLE_MS = 100
"""Painting follows layout by a frame or two, later on a busy machine."""
_MOST_LOOKS = 30
_FIRST = """
window.__violations = [];
document.addEventListener('securitypolicyviolation',
  (event) => window.__violations.push(event.violatedDirective + ' ' + event.blockedURI));
"""
"""Runs before the page does: what the page's own policy refuses."""
_PAINT = """
window.__painted = false;
requestAnimationFrame(() => requestAnimationFrame(() => { window.__painted = true; }));
"""
_MEASURE = """
JSON.stringify({
  title: document.title,
  dark: matchMedia('(prefers-color-scheme: dark)').matches,
  width: document.documentElement.scrollWidth,
  height: document.documentElement.scrollHeight,
  violations: window.__violations,
  figures: [...document.querySelectorAll('figure')].flatMap((figure) =>
    [...figure.querySelectorAll('svg')].filter((svg) => svg.getAttribute('role') === 'img')
      .map((svg) => {
        const box = svg.getBoundingClientRect();
        return {id: figure.id, label: svg.getAttribute('aria-label'),
                box: [box.x + scrollX, box.y + scrollY, box.width, box.height]};
      })),
})
"""


class Watch(QWebEngineUrlRequestInterceptor):
    """Notes every request; lets none leave this machine."""

    def __init__(self) -> None:
        """Start without requests."""
        super().__init__()
        self.urls: list[str] = []

    def interceptRequest(self, info: QWebEngineUrlRequestInfo) -> None:  # noqa: N802
        """Note a request, and refuse it unless it is for a file."""
        self.urls.append(info.requestUrl().toString())
        info.block(info.requestUrl().scheme() != 'file')


class Page(QWebEnginePage):
    """Notes what the page says on its console."""

    def __init__(self, profile: QWebEngineProfile) -> None:
        """Start without messages."""
        super().__init__(profile)
        self.console: list[str] = []

    def javaScriptConsoleMessage(  # noqa: N802
        self, _level: Any, message: str, line: int, source: str
    ) -> None:
        """Note a message."""
        self.console.append(f'{source}:{line}: {message}')


class Browser:
    """One page, loaded and measured."""

    def __init__(self, path: Path, width: int, dark: bool) -> None:
        """Load a page.

        Args:
            path: of the file.
            width: of the window, in pixels.
            dark: the reader prefers a dark page.
        """
        # Read when the application starts. Blink's own numbers: 0 dark, 1 light.
        os.environ.setdefault('QT_QPA_PLATFORM', 'offscreen')
        os.environ['QTWEBENGINE_CHROMIUM_FLAGS'] = f'{_FLAGS}{0 if dark else 1}'
        self.application = QApplication([])
        self.watch, profile = Watch(), QWebEngineProfile(self.application)
        profile.setUrlRequestInterceptor(self.watch)
        self.page = Page(profile)
        first = QWebEngineScript()
        first.setSourceCode(_FIRST)
        first.setInjectionPoint(QWebEngineScript.InjectionPoint.DocumentCreation)
        first.setWorldId(QWebEngineScript.ScriptWorldId.MainWorld)
        self.page.scripts().insert(first)
        self._view = QWebEngineView()
        self._view.setPage(self.page)
        self._view.resize(width, _WINDOW_HEIGHT)
        bars = QWebEngineSettings.WebAttribute.ShowScrollBars
        self.page.settings().setAttribute(bars, False)
        self._view.show()
        self._loop = QEventLoop()
        self._loaded = False
        self.page.loadFinished.connect(self._finished)
        self.page.load(QUrl.fromLocalFile(str(path.resolve())))
        QTimer.singleShot(_LIMIT_MS, self._loop.quit)
        self._loop.exec()
        if not self._loaded:
            sys.exit(f'{path} could not be loaded')

    def run(self, script: str) -> Any:
        """Run a script in the page and return what it says."""
        answers: list[Any] = []

        def take(answer: Any) -> None:
            answers.append(answer)
            self._loop.quit()

        self.page.runJavaScript(script, take)
        self._loop.exec()
        return answers[0]

    def picture(self, height: int) -> QImage:
        """Return the whole page as a picture, put together from what a window shows at a time."""
        whole = QImage(self._view.width(), height, QImage.Format.Format_RGB32)
        painter = QPainter(whole)
        for top in range(0, height, _WINDOW_HEIGHT):
            # The last window cannot be scrolled as far as the others.
            at = self.run(f'scrollTo(0, {top}); scrollY')
            painter.drawImage(0, round(at), self._settled())
        painter.end()
        return whole

    def _settled(self) -> QImage:
        """Return what the window shows once it has painted and stopped to change."""
        self.run(_PAINT)
        for _ in range(_MOST_LOOKS):
            self.wait(_SETTLE_MS)
            if self.run('window.__painted'):
                break
        shown = self._view.grab().toImage()
        for _ in range(_MOST_LOOKS):
            self.wait(_SETTLE_MS)
            before, shown = shown, self._view.grab().toImage()
            if shown == before:
                break
        return shown

    def wait(self, duration_ms: int) -> None:
        """Let the page work for a while."""
        QTimer.singleShot(duration_ms, self._loop.quit)
        self._loop.exec()

    def close(self) -> None:
        """Take page and profile down in the order that Qt asks for."""
        self._view.close()
        self.page.deleteLater()
        self.application.processEvents()

    def _finished(self, ok: bool) -> None:
        self._loaded = ok
        self._loop.quit()


def colours(picture: QImage, box: list[float]) -> int:
    """Return how many colours a part of a picture has; 1 is blank."""
    part = picture.copy(QRect(*(round(value) for value in box)))
    return len({
        part.pixel(x, y) for x in range(0, part.width(), 2) for y in range(0, part.height(), 2)
    })


def main() -> None:
    """Render a page."""
    arguments = _parser().parse_args()
    browser = Browser(arguments.page, arguments.width, arguments.dark)
    before = browser.run(arguments.script) if arguments.script else None
    measured = json.loads(browser.run(_MEASURE))
    picture = browser.picture(measured['height'])
    for entry in measured['figures']:
        entry['colours'] = colours(picture, entry['box'])
    if arguments.out is not None:
        shown = picture
        boxes = [entry['box'] for entry in measured['figures']
                 if entry['id'] == f'figure-{arguments.figure}']
        if boxes:
            shown = picture.copy(QRect(*(round(value) for value in boxes[0])))
        shown.save(str(arguments.out))
    result = {**measured, 'console': browser.page.console, 'requests': browser.watch.urls,
              'script': before}
    browser.close()
    sys.stdout.write(json.dumps(result) + '\n')
    sys.stdout.flush()
    # Chromium's threads may outlive Python's objects; there is nothing left to tidy up.
    os._exit(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description='Show a page in a browser without a screen.')
    parser.add_argument('page', type=Path, help='HTML file')
    parser.add_argument('--out', type=Path, help='write a picture here (.png)')
    parser.add_argument('--width', type=int, default=1040, help='of the window, in pixels')
    parser.add_argument('--dark', action='store_true', help='as a reader who prefers dark pages')
    parser.add_argument('--figure', help='picture of this figure only, for example: space')
    parser.add_argument('--script', help='run this in the page first')
    return parser


if __name__ == '__main__':
    main()
