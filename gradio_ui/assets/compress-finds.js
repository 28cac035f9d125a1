// What search finds with the original, with its record's code, and with the restored picture, one below the other.

import { h } from "./dom.js";

/** Make the section's content from the server's answer; `search(id)` is called for the picture that is clicked. */
export function foundRows(answer, search) {
  if (answer.error) return [h("h2", {}, "What search still finds"), h("p", { class: "pm-quiet" }, answer.error)];
  return [h("h2", {}, `What search still finds in ${answer.gallery}`),
    h("p", { class: "pm-quiet" }, "A record holds a 16-byte code of the original beside its stream: search uses that code and never decodes the stream."),
    ...answer.rows.map((row, i) => h("div", { class: "pm-compress-row" },
      h("h3", {}, row.title, i ? h("span", {}, `${row.shared} of ${answer.count} the same`) : null),
      h("div", { class: "pm-compress-strip" }, row.results.map((one) => h("button", {
        type: "button", class: one.is_shared ? "pm-shared" : "pm-other", title: `${one.alt}, similarity ${one.similarity.toFixed(3)}`, "aria-label": `Search with ${one.alt}`,
        onclick: () => search(one.id) }, h("img", { src: one.thumbnail, alt: one.alt, loading: "lazy", width: one.width, height: one.height }))))))];
}
