// A dialog about one of the results, with ways to the one before and the one after; which one is in the page's address.

import { button, h } from "./dom.js";
import { navigate, state } from "./store.js";

/**
 * Build the dialog around `content`.
 * @param {{key: string, name: string, label: string, results: () => {id: number}[]}} about `key` of the address holds the result's id;
 *   `name` is the class, `label` for screen readers; `results()` are the cards shown.
 * @returns {{dialog: HTMLDialogElement, mark: (id: number) => number}} `mark` says where a result stands, and returns it (-1: nowhere).
 */
export function resultDialog({ key, name, label, results }, ...content) {
  const previous = button("Previous result", { quiet: true, class: "pm-tool pm-step", onclick: () => step(-1) });
  const next = button("Next result", { quiet: true, class: "pm-tool pm-step", onclick: () => step(1) });
  previous.replaceChildren("‹");
  next.replaceChildren("›");
  const place = h("span", { class: "pm-place" });
  const close = () => navigate({ [key]: null });
  const dialog = h("dialog", { class: name, "aria-label": label },
    h("div", { class: "pm-drawer-top" }, previous, next, place, button("Close", { iconName: "close", quiet: true, onclick: close })), ...content);
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    close();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && close());
  dialog.addEventListener("keydown", (event) => {
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (way) step(way), event.preventDefault();
  });

  function step(way) {
    const cards = results();
    const at = cards.findIndex((card) => card.id === state()[key]);
    const card = cards[at + way];
    if (at >= 0 && card) navigate({ [key]: card.id }, { replace: true });
  }

  function mark(id) {
    const cards = results();
    const at = cards.findIndex((card) => card.id === id);
    previous.disabled = at <= 0;
    next.disabled = at < 0 || at === cards.length - 1;
    place.textContent = at < 0 ? "" : `${at + 1} of ${cards.length}`;
    return at;
  }

  return { dialog, mark };
}
