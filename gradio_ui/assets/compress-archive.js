// A .pent archive in the page: its pictures, restored when they are shown, and search by its codes.

import { button, h } from "./dom.js";

/** Make the panel. `open(path, name)` shows an uploaded archive and tells whether that worked. */
export function archivePanel({ server, upload, problem, close }) {
  let path = "", facts = null, shown = 0;
  const title = h("h1", { class: "pm-compress-title" });
  const account = h("p", { class: "pm-quiet", role: "status", "aria-live": "polite" });
  const wall = h("div", { class: "pm-compress-wall" });
  const input = h("input", { type: "file", class: "pm-file", accept: "image/*", "aria-label": "Search this archive with a picture",
    onchange: () => { if (input.files[0]) searchWith(input.files[0]); input.value = ""; } });
  const searchButton = button("Search it with a picture", { iconName: "search", onclick: () => input.click() });
  const allButton = button("Show all", { hidden: true, onclick: () => open(path, facts.name) });
  const more = button("Show more", { iconName: "more", hidden: true, onclick: showMore });
  const element = h("section", { class: "pm-compress-archive", hidden: true, "aria-label": "Archive" },
    h("div", { class: "pm-compress-head" }, title, searchButton, allButton, button("Close", { iconName: "close", onclick: close })), input, account, wall, more);

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
    wall.replaceChildren(...answer.pictures.map(cell));
    shown = answer.pictures.length;
    more.hidden = shown >= answer.count;
    return true;
  }

  async function showMore() {
    const answer = await server.open_archive({ path, name: facts.name, first: shown }).catch(noAnswer);
    if (answer.error) return problem(answer.error);
    wall.append(...answer.pictures.map(cell));
    shown += answer.pictures.length;
    more.hidden = shown >= answer.count;
  }

  function cell(one) {
    const caption = h("span", {}, one.name, h("i", {}, `${one.bytes.toLocaleString("en")} B${one.similarity === undefined ? "" : `, about ${one.similarity.toFixed(2)}`}`));
    if (one.error) return h("div", { class: "pm-compress-cell pm-damaged" }, h("p", {}, one.error), caption);
    return h("button", { type: "button", class: "pm-compress-cell", disabled: !facts.is_searchable, "aria-label": `Search the archive with ${one.name}`, onclick: () => find({ row: one.row }, one.name) },
      h("img", { src: one.url, alt: one.name, loading: "lazy" }), caption);
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
    wall.replaceChildren(...answer.pictures.map(cell));
    allButton.hidden = false;
    more.hidden = true;
  }

  return { element, open };
}

function noAnswer(error) {
  console.error(error);
  return { error: "The page's server did not answer. Is it still running? Then try again." };
}
