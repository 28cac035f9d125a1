// Light and dark: follows the system until a person chooses, then remembers the choice.

const KEY = "pentimento-theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");

function chosen() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // storage is blocked
  }
}

/** True when the page is dark now. */
export function isDark() {
  const choice = chosen();
  return choice ? choice === "dark" : system.matches;
}

/** Put the choice onto the page, and keep it there when Gradio sets its own at start. */
export function follow(listener) {
  const apply = () => {
    if (document.body.classList.contains("dark") !== isDark()) document.body.classList.toggle("dark", isDark());
    listener(isDark());
  };
  new MutationObserver(apply).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  system.addEventListener("change", apply);
  apply();
  return (dark) => {
    try {
      localStorage.setItem(KEY, dark ? "dark" : "light");
    } catch {
      // storage is blocked: the choice lasts until the page is left
    }
    document.body.classList.toggle("dark", dark);
    listener(dark);
  };
}
