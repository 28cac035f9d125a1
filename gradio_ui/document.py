"""The head of the page's document: our own words, the right ground from the first moment, modules fetched early."""

import re
from functools import cache
from html import escape

from gradio_ui.static_files import ASSETS, file_url
from gradio_ui.theme import PAPER, PAPER_DARK

DESCRIPTION = "Visual search in paintings and satellite imagery, on your own machine."
_FIRST = ("header.js", "search.js")  # entries of what is shown first
_FOREIGN = re.compile(r"<meta\s+(?:property|name)=\"(?:og|twitter):[^>]*>\s*", re.DOTALL)
_IMPORT = re.compile(r"""from\s+["']\./([\w-]+\.js)["']""")

# Light or dark is known before anything is drawn, so that the page does not flash.
_GROUND = f"""<script>
(() => {{
  let choice = null;
  try {{ choice = localStorage.getItem("pentimento-theme"); }} catch {{ }}
  const dark = choice ? choice === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const ground = dark ? "{PAPER_DARK}" : "{PAPER}";
  document.head.append(Object.assign(document.createElement("style"),
    {{ textContent: `:root {{ --bg: ${{ground}}; --bg-dark: ${{ground}}; background: ${{ground}}; }}` }}));
  const apply = () => document.body.classList.toggle("dark", dark);
  if (document.body) apply(); else document.addEventListener("DOMContentLoaded", apply, {{ once: true }});
}})();
</script>"""


def with_own_head(document: bytes) -> bytes:
    """Return Gradio's document with our head: no advertisement of Gradio, our modules fetched beside its own."""
    html = _FOREIGN.sub("", document.decode())
    early = "".join(f'<link rel="modulepreload" href="{escape(file_url(ASSETS / name))}">' for name in modules())
    own = f'<meta name="description" content="{escape(DESCRIPTION)}"><meta name="color-scheme" content="light dark">'
    return html.replace("</head>", f"{own}{early}{_GROUND}</head>", 1).encode()


@cache
def modules() -> tuple[str, ...]:
    """Return the names of the modules that the page needs first, with all that they import."""
    found: list[str] = []
    waiting = list(_FIRST)
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found.append(name)
            waiting += _IMPORT.findall((ASSETS / name).read_text(encoding="utf-8"))
    return tuple(found)
