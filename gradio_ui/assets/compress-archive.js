// A .pent archive in the page: its pictures, restored when they are shown, and search by its codes.

import { noAnswer } from "./compress-words.js";
import { button, h } from "./dom.js";

const AT_ONCE = 6; // pictures that are restored in one call
const NOTHING = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>";

/** Make the panel. `open(path, name)` shows an uploaded archive and tells whether that worked. */
export function archivePanel({ server, upload, problem, close }) {
  let path = "", facts = null, shown = 0, ticket = 0;
  const title = h("h1", { class: "pm-compress-title" });
  const account = h("p", { class: "pm-quiet", role: "status", "aria-live": "polite" });
  const wall = h("div", { class: "pm-compress-wall" });
  const input = h("input", { type: "file", class: "pm-file", accept: "image/*", "aria-label": "Search this archive with a picture",
    onchange: () => { if (input.files[0]) searchWith(input.files[0]); input.value = ""; } });
  const searchButton = button("Search it with a picture", { iconName: "search", onclick: () => input.click() });
  const keepButton = button("Keep as a gallery", { iconName: "plus", "aria-expanded": "false", onclick: () => explain(keep.hidden) });
  const keep = h("div", { class: "pm-compress-keep", hidden: true });
  const allButton = button("Show all", { hidden: true, onclick: () => open(path, facts.name) });
  const more = button("Show more", { iconName: "more", hidden: true, onclick: showMore });
  const element = h("section", { class: "pm-compress-archive", hidden: true, "aria-label": "Archive" },
    h("div", { class: "pm-compress-head" }, title, searchButton, allButton, keepButton, button("Close", { iconName: "close", onclick: close })), input, keep, account, wall, more);

  async function open(wanted, name) {
    const answer = await server.open_archive({ path: wanted, name }).catch(noAnswer);
    if (answer.error) {
      problem(answer.error);
      return false;
    }
    path = wanted;
    facts = answer;
    title.textContent = answer.title;
    account.textContent = `${answer.count.toLocaleString("en")} pictures in ${answer.bytes.toLocaleString("en")} bytes, ${Math.round(answer.bytes_each).toLocaleString("en")} each`
      + (answer.is_searchable ? `; searchable by codes of ${answer.encoder}` : "; without search codes") + (answer.note ? `. ${answer.note}` : "");
    searchButton.hidden = !answer.is_searchable;
    allButton.hidden = true;
    explain(false);
    fill(answer.pictures);
    shown = answer.pictures.length;
    more.hidden = shown >= answer.count;
    return true;
  }

  /** Say how the archive becomes a gallery; that is for whoever runs the page, not for every visitor. */
  function explain(on) {
    keep.hidden = !on;
    keepButton.setAttribute("aria-expanded", String(on));
    const name = facts.name.replace(/\.pent$/i, "").toLowerCase().replace(/[^a-z0-9_.-]+/g, "-").replace(/^[^a-z0-9]+/, "").slice(0, 40) || "archive";
    const file = /^[\w.-]+$/.test(facts.name) ? facts.name : `'${facts.name.replaceAll("'", "'\\''")}'`;
    keep.replaceChildren(h("p", {}, "On the computer where this page runs, with the pictures restored, the metadata and the search codes:"),
      h("pre", { tabindex: "0" }, `python -m core data import ${file} --name ${name}-archive\npython -m core index ${name}-archive`));
  }

  function fill(pictures) {
    ticket++;
    wall.replaceChildren(...pictures.map(cell), h("i", { class: "pm-compress-end" }));
    restore(pictures);
  }

  /** Put the restored pictures into their cells, some at a time, so that the first are there at once. */
  async function restore(pictures) {
    const mine = ticket;
    for (let from = 0; from < pictures.length; from += AT_ONCE) {
      const part = pictures.slice(from, from + AT_ONCE);
      const answer = await server.restore_archived({ path, rows: part.map((one) => one.row) }).catch(noAnswer);
      if (mine !== ticket) return;
      if (answer.error) return problem(answer.error);
      part.forEach((one, i) => place(one, answer.pictures[i]));
    }
  }

  function place(one, { url, error }) {
    const image = wall.querySelector(`[data-row="${one.row}"] img`);
    if (!error) return void (image.src = url);
    const damaged = h("div", { class: "pm-compress-cell pm-damaged", style: "--ratio:1" }, h("p", {}, error), image.nextSibling);
    image.parentElement.replaceWith(damaged);
  }

  async function showMore() {
    const answer = await server.open_archive({ path, name: facts.name, first: shown }).catch(noAnswer);
    if (answer.error) return problem(answer.error);
    wall.lastChild.before(...answer.pictures.map(cell));
    restore(answer.pictures);
    shown += answer.pictures.length;
    more.hidden = shown >= answer.count;
  }

  function cell(one) {
    const caption = h("span", { title: one.name }, one.title || one.name, h("i", {}, `${one.bytes.toLocaleString("en")} B${one.similarity === undefined ? "" : `, about ${one.similarity.toFixed(2)}`}`));
    const style = `--ratio:${Math.min(2.4, Math.max(0.6, one.width / one.height)).toFixed(3)}`; // of its row's height
    return h("button", { type: "button", class: "pm-compress-cell", style, "data-row": String(one.row), disabled: !facts.is_searchable, "aria-label": `Search the archive with ${one.title || one.name}`, onclick: () => find({ row: one.row }, one.title || one.name) },
      h("img", { src: NOTHING, alt: one.title || one.name }), caption);
  }

  async function searchWith(file) {
    try {
      const sent = await upload(file);
      await find({ query: sent.path }, file.name);
    } catch (error) {
      problem(`${file.name} could not be sent. Is the page still running? Then try again.`);
    }
  }

  async function find(query, name) {
    const answer = await server.search_archive({ path, ...query }).catch(noAnswer);
    if (answer.error) return problem(answer.error);
    account.textContent = `Most like ${name}: searched ${answer.n_searched.toLocaleString("en")} codes in ${answer.timings_ms.search.toFixed(1)} ms; similarities are approximate`
      + (answer.note ? `. ${answer.note}` : "");
    fill(answer.pictures);
    allButton.hidden = false;
    more.hidden = true;
  }

  return { element, open };
}
