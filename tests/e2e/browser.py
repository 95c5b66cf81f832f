"""A page in a real browser, and axe-core's word on it: Debian's Chromium, without a window."""
import html
import json
import re
import shutil
import subprocess
from pathlib import Path

from world import ROOT, Skip, expect

AXE = ROOT / "tests" / "web" / "node_modules" / "axe-core" / "axe.min.js"
SCHEMES = {"dark": 0, "light": 1}
SECONDS = 120

# The verdict goes into an element of the page: --dump-dom prints it once the page is at rest.
ASK = """<script>%s</script><script>
addEventListener('load', async () => {
  const found = await axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa',
    'best-practice'] });
  const verdict = document.createElement('pre');
  verdict.id = 'verdict';
  verdict.textContent = JSON.stringify({ passes: found.passes.length,
    violations: found.violations.map(({ id, nodes }) => [id, nodes[0].html]),
    ground: getComputedStyle(document.body).backgroundColor });
  document.body.append(verdict);
});
</script></body>"""


def _chromium(*words):
    program = shutil.which("chromium")
    if not program:
        raise Skip("no chromium here: ./dev test e2e installs it")
    return subprocess.run([program, "--headless", "--no-sandbox", "--disable-gpu",
                           "--disable-dev-shm-usage", *map(str, words)],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=SECONDS,
                          check=True, text=True).stdout


def accessible(page, scheme, directory):
    """What axe says of the page by day or by night; its own policy, which lets no script run, is
    taken out of the copy that is looked at."""
    if not AXE.exists():
        raise Skip("no axe-core here: ./dev test e2e installs it")
    text = Path(page).read_text(encoding="utf-8")
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    copy = Path(directory) / f"looked-at-{scheme}.html"
    copy.write_text(text.replace("</body>", ASK % AXE.read_text(encoding="utf-8")),
                    encoding="utf-8")
    dom = _chromium(f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
                    "--virtual-time-budget=20000", "--dump-dom", copy.as_uri())
    found = re.search(r'<pre id="verdict">(.*?)</pre>', dom, re.S)
    expect(found, "axe did not come to a verdict")
    return json.loads(html.unescape(found.group(1)))
