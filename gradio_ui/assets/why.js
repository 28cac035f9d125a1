// Why similar: query and result side by side with heat maps, matching regions linked, and separate scores in plain words.

import { button, h, icon } from "./dom.js";
import { resultDialog } from "./result-dialog.js";
import { captionOf } from "./results.js";
import { press } from "./steer.js";
import { signOf } from "./steer-state.js";
import { chosen, navigate, searchStored, state, subscribe } from "./store.js";
import { pair } from "./why-pair.js";

const AGAIN_MS = 700;
const TITLES = { content: "What they show", colour: "Colour", texture: "Texture" };
const MEANS = {
  content: "Cosine of the network's descriptions",
  colour: "Share of colours in common (CIELAB)",
  texture: "Share of local patterns in common (grain, strokes, edges)",
};

/** Build the dialog. `request()` is what was searched, `results()` the cards shown, `back(id)` gets the focus at the end. */
export function whyDialog({ server, request, results, back }) {
  const sentence = h("h2", { class: "pm-why-sentence", "aria-live": "polite" });
  const pictures = pair();
  const members = h("div", { class: "pm-why-members", role: "group", "aria-label": "Compared with" });
  const scores = h("div", { class: "pm-why-scores" });
  const foot = h("p", { class: "pm-hint" });
  const actions = h("div", { class: "pm-actions" });
  const { dialog, mark } = resultDialog({ key: "why", name: "pm-why", label: "Why similar", results },
    h("div", { class: "pm-why-body" }, sentence, members, pictures.element, scores, actions, foot));
  let shown = null;
  let member = null;
  let ticket = 0;

  async function follow(now) {
    const hasPicture = now.id !== null || Boolean(now.upload);
    if (now.why === null || now.tab !== "search" || !hasPicture || !chosen()) {
      if (dialog.open) dialog.close();
      if (shown !== null) back(shown);
      shown = null;
      return;
    }
    if (now.why === shown) return;
    shown = now.why;
    member = null;
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    steps();
    await ask();
  }

  async function ask() {
    const mine = ++ticket;
    const id = shown;
    if (!sentence.textContent) sentence.textContent = "Comparing …";
    dialog.setAttribute("aria-busy", "true");
    const answer = await server.why({ ...request(), result: id, picture: member });
    if (mine !== ticket || state().why !== id) return;
    dialog.setAttribute("aria-busy", "false");
    if (answer.error) fail(answer.error);
    else draw(answer);
    if (answer.measuring) setTimeout(() => mine === ticket && state().why === id && ask(), AGAIN_MS);
  }

  function fail(message) {
    sentence.textContent = "These two cannot be compared";
    pictures.clear();
    members.hidden = true;
    scores.replaceChildren(h("p", { class: "pm-warning", role: "alert" }, message));
    actions.replaceChildren();
    foot.textContent = "";
  }

  function draw(answer) {
    sentence.textContent = answer.sentence || "Two pictures, side by side";
    pictures.show(answer, captionOf);
    members.hidden = answer.pictures.length < 2;
    members.replaceChildren(h("span", { class: "pm-hint" }, "Compared with"), ...answer.pictures.map((one, at) =>
      h("button", { type: "button", class: "pm-why-member", "aria-pressed": String(at === answer.picture), title: one.alt,
        "aria-label": `Compare with ${one.role === "plus" ? "a plus" : `query picture ${at + 1}`}: ${one.alt}, similarity ${answer.similarities[at].toFixed(2)}`,
        onclick: () => (member = at, ask()) }, h("img", { src: one.thumbnail, alt: "", width: 44, height: 44 }), one.role === "plus" ? h("span", { class: "pm-sign pm-sign-plus", "aria-hidden": "true" }, icon("plus")) : null)));
    scores.replaceChildren(...answer.aspects.map((one) => aspect(one, answer)),
      answer.measuring ? h("p", { class: "pm-hint", role: "status" }, measured(answer.measuring)) : "");
    actions.replaceChildren(
      button("Search with this", { iconName: "search", class: "pm-button pm-primary", onclick: () => searchStored(state().gallery, answer.image_id) }),
      ...steering(answer.image_id),
      button("Details", { onclick: () => navigate({ why: null, open: answer.image_id }) }));
    foot.textContent = [
      answer.no_heat ? `No heat map: ${answer.no_heat}.` : "Bright regions add most to the similarity; numbered frames stand out in either picture and match best.",
      answer.heat_of ? `The map is of ${answer.heat_of}, the network below this gallery's encoder.` : "",
      `Compared in ${answer.spent_ms.toFixed(0)} ms.`,
    ].join(" ");
    steps();
    [answer.here, answer.there].forEach((one, side) => sharpen(one, side, answer));
  }

  async function sharpen(one, side, answer) {
    if (one.id === null) return;
    const mine = ticket;
    const details = await server.details({ gallery: chosen().address, id: one.id });
    if (mine === ticket && state().why === answer.image_id && details.picture) pictures.sharpen(side, details.picture);
  }

  function aspect(one, answer) {
    const known = one.percentile !== null;
    return h("section", { class: "pm-aspect", "data-aspect": one.name },
      h("h3", {}, TITLES[one.name], h("span", { class: "pm-number", title: MEANS[one.name] }, one.score.toFixed(2).replace(/^(-?)0\./, "$1."))),
      known ? h("div", { class: "pm-scale", role: "img", "aria-label": `More alike than ${one.percentile.toFixed(0)} % of random pairs` },
        h("span", { style: `width:${one.percentile}%` })) : null,
      h("p", {}, one.sentence || MEANS[one.name]),
      one.name === "colour" && answer.colours.length ? h("ul", { class: "pm-swatches", "aria-label": "Colours that both have" },
        answer.colours.map((colour) => h("li", {}, h("span", { class: "pm-swatch", style: `background:rgb(${colour.rgb.join(",")})` }),
          `${colour.name} ${Math.round(100 * colour.share)} %`))) : null,
      one.name === "content" && answer.heat?.matches.length ? h("ul", { class: "pm-swatches", "aria-label": "Regions that match" },
        answer.heat.matches.map((match, at) => h("li", { onmouseenter: () => pictures.light(at), onmouseleave: () => pictures.light(null) },
          h("span", { class: `pm-region-key pm-match-${at + 1}` }, String(at + 1)), `alike ${match.similarity.toFixed(2).replace(/^0\./, ".")}`))) : null,
      one.name === "texture" ? h("p", { class: "pm-hint" }, "Grain, brushwork and edges, whatever is shown.") : null);
  }

  function measured({ done, total, left }) {
    return `This gallery is being measured, once${total ? `: ${done} of ${total}` : ""}${left ? `, ${left} left` : ""}.`;
  }

  const steps = () => mark(shown);

  subscribe(follow);
  return { element: dialog, follow: () => follow(state()), steps };
}

/** The two buttons that steer towards a picture and away from it. */
export function steering(id) {
  const sign = signOf(state().steps, id);
  return [[1, "More like this", "plus"], [-1, "Less like this", "minus"]].map(([way, label, iconName]) =>
    button(label, { iconName, "aria-pressed": String(sign === way), onclick: () => press(id, way) }));
}
