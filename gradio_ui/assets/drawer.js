// The details of one picture: it slides in from the right, says everything that is known, and where it came from.

import { button, h, icon } from "./dom.js";
import { sendTo, takers } from "./header.js";
import { resultDialog } from "./result-dialog.js";
import { captionOf, percentileSaid, scoreBars, similarityBar } from "./results.js";
import { steering } from "./why.js";
import { chosen, navigate, searchStored, state, subscribe } from "./store.js";
import { mark } from "./words.js";

/** Build the drawer. `results()` are the cards shown, `back(id)` is told which picture was open when it closes. */
export function drawer({ server, results, back }) {
  const body = h("div", { class: "pm-drawer-body" });
  const { dialog, mark: markPlace } = resultDialog({ key: "open", name: "pm-drawer", label: "Details", results }, body);
  let shown = null;
  let known = null; // the details that are shown

  async function follow(now) {
    if (now.open === null || now.tab !== "search") {
      if (dialog.open) dialog.close();
      if (shown !== null) back(shown);
      shown = null;
      return;
    }
    if (now.open === shown) return;
    shown = now.open;
    const card = results().find((one) => one.id === now.open);
    if (card) draw(card, null);
    else body.replaceChildren(h("p", { class: "pm-hint" }, "Loading …"));
    steps();
    if (!dialog.open) dialog.showModal();
    const answer = await server.details({ gallery: chosen()?.address ?? now.gallery, id: now.open });
    if (state().open !== now.open) return;
    if (answer.error) body.replaceChildren(h("p", { class: "pm-warning", role: "alert" }, answer.error));
    else {
      known = answer;
      draw({ ...results().find((one) => one.id === now.open), ...answer }, answer);
    }
  }

  function steps() {
    const at = markPlace(shown);
    // Opened by its address, the details may be here before the results that say how similar it is.
    if (at >= 0 && known?.id === shown && !body.querySelector(".pm-likeness")) draw({ ...results()[at], ...known }, known);
  }

  function draw(card, details) {
    const image = h("img", { src: details?.picture ?? card.thumbnail, alt: card.alt, width: card.width, height: card.height });
    image.style.aspectRatio = `${card.width} / ${card.height}`;
    image.style.backgroundImage = `url("${card.thumbnail}")`; // until the large one has arrived
    body.replaceChildren(
      h("div", { class: "pm-large" }, image),
      h("h2", { class: "pm-title" }, captionOf(card.caption, { full: true })),
      card.similarity === undefined ? "" : h("p", { class: "pm-likeness" }, "Similarity to the query ", similarityBar(card.similarity, true, card.percentile),
        card.scores ? scoreBars(card.scores) : null, percentileSaid(card.percentile) ? h("span", { class: "pm-sure" }, percentileSaid(card.percentile)) : null),
      h("div", { class: "pm-actions" },
        button("Search with this", { iconName: "search", class: "pm-button pm-primary", onclick: () => searchStored(state().gallery, card.id) }),
        asked() && card.id !== state().id ? [button("Why similar", { iconName: "why", onclick: () => navigate({ why: card.id, open: null }) }), steering(card.id)] : null,
        asked() ? button("Add to the query", { onclick: () => navigate({ also: [...state().also, { id: card.id }], open: null }) }) : null),
      h("div", { class: "pm-actions" },
        details ? h("a", { class: "pm-button", href: details.original, target: "_blank", rel: "noopener" }, icon("open"), "Show the original") : null,
        details ? h("a", { class: "pm-button", href: details.original, download: details.file }, icon("save"), "Download") : null,
        takers().map((tab) => button(tab.accepts, { onclick: () => sendTo(tab.id, { gallery: chosen().address, image_id: card.id }) }))),
      details ? facts(details) : "");
    mark(body);
  }

  const asked = () => state().id !== null || Boolean(state().upload);

  function facts(details) {
    return h("dl", { class: "pm-facts" },
      details.metadata.map((row) => [h("dt", {}, row.label), h("dd", { "data-field": row.name }, linked(row.value))]),
      h("dt", {}, "Licence"), h("dd", { "data-field": "licence" }, details.licence),
      details.credit ? [h("dt", {}, "Credit"), h("dd", { "data-field": "credit" }, details.credit)] : null,
      details.source_url ? [h("dt", {}, "Source"), h("dd", { "data-field": "source_url" }, linked(details.source_url))] : null);
  }

  subscribe(follow);
  return { element: dialog, follow: () => follow(state()), steps };
}

function linked(text) {
  if (!/^https?:\/\/\S+$/.test(text)) return text;
  return h("a", { href: text, target: "_blank", rel: "noopener noreferrer" }, text.replace(/^https?:\/\/(www\.)?/, ""));
}
