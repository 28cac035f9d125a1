// The map with everything around it: search, legend, tools, panels. The page and the exported file both use it.

import { button, debounced, h } from "../dom.js";
import { hoverCard } from "./hovercard.js";
import { legendPanel } from "./legendpanel.js";
import { PictureMap } from "./map.js";
import { pickPanel } from "./pickpanel.js";
import { selectPanel } from "./selectpanel.js";
import { tablePanel } from "./tablepanel.js";
import { toolbar } from "./toolbar.js";
import { encodeState, parseState } from "./urlstate.js";

const HELP = "Map of pictures. Arrow keys move, plus and minus zoom, zero shows the whole map, Enter picks the picture at the centre, Escape lets go.";

/**
 * @param {HTMLElement} root is filled
 * @param {import("./data.js").MapData} data
 * @param {object} options
 * @param {"light"|"dark"} options.theme
 * @param {string} [options.state] as in the URL
 * @param {string} [options.draw] back end to use: "splat", "webgl", or chosen when empty
 * @param {(text: string) => void} [options.remember] write the state into the URL
 * @param {any} [options.actions] see pickpanel.js, selectpanel.js and toolbar.js
 */
export function explorer(root, data, { theme, state = "", draw = "", remember, actions = {} }) {
  const stage = h("div", { class: "pm-map-stage", tabindex: "0", role: "application", "aria-label": HELP });
  const current = () => map;
  const card = hoverCard(stage);
  const legend = legendPanel(current);
  const pick = pickPanel(current, actions);
  const selection = selectPanel(current, { key: "pentimento-map-names", ...actions });
  const table = tablePanel(current);
  const found = h("p", { class: "pm-map-found", role: "status" });
  const wanted = h("input", { type: "search", class: "pm-map-input", placeholder: "Search titles", "aria-label": "Search titles on the map" });
  const status = h("p", { class: "pm-map-status" }, summary(data.info));
  const left = h("div", { class: "pm-map-left" },
    h("div", { class: "pm-map-panel" }, h("div", { class: "pm-map-search" }, wanted, found), legend.element));
  const folding = button("Legend", { class: "pm-button pm-map-fold", "aria-expanded": "false", onclick: () => {
    const open = left.classList.toggle("is-open");
    folding.setAttribute("aria-expanded", String(open));
  } });
  const tools = toolbar(current, actions, { placed: (answer, file, url) => pick.showPlaced(answer, file, url), stage });
  root.replaceChildren(h("div", { class: "pm-map-frame" }, stage, folding, left, tools.element, pick.element, selection.element, status), table.element);

  const map = new PictureMap(stage, data, { theme, draw, insets: () => (window.innerWidth > 900 ? [244, pick.element.hidden ? 0 : 356] : [0, 0]), listeners: {
    hover: (i, x, y) => card.show(map, i, x, y),
    pick: (i) => pick.show(i),
    select: (points) => selection.show(points),
    change: () => {
      remember?.(encodeState(map.state));
      table.update();
    },
  } });
  stage.append(card.element);
  stage.addEventListener("pm-mode", () => tools.draw());
  legend.fill();
  selection.element.addEventListener("names", () => tools.names(selection.names()));
  tools.names(selection.names());

  wanted.addEventListener("input", debounced(async () => {
    const points = await data.search(wanted.value);
    const asked = wanted.value.trim() !== "";
    map.highlight(asked ? points : null);
    found.textContent = !asked ? "" : points.length === 1 ? "1 picture" : `${points.length.toLocaleString("en")} pictures`;
    if (asked && points.length && points.length <= 2000) map.show(points);
  }, 200));
  wanted.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      wanted.value = "";
      wanted.dispatchEvent(new Event("input"));
    }
  });

  const first = defaultField(data.info);
  const wish = parseState(state);
  const ready = (wish ? map.restore(wish) : map.colourBy(first)).then(() => legend.draw());

  return {
    map,
    ready,
    setTheme(next) {
      map.setTheme(next);
      legend.draw();
    },
    async restore(text) {
      const parsed = parseState(text);
      if (parsed && text !== encodeState(map.state)) {
        await map.restore(parsed);
        legend.draw();
      }
    },
    /** Go to an image and pick it. */
    showImage(id) {
      const i = data.point(id);
      if (i < 0) return false;
      map.pick(i);
      map.goTo(i);
      return true;
    },
    /** Show where the server placed a picture, or why it could not. */
    placed: tools.show,
    dispose: () => map.dispose(),
  };
}

/** The field that says most at first sight: the data set's own label, else a choice of few values. */
function defaultField(info) {
  for (const name of ["label", "culture", "surface", "department", "cluster"]) {
    const number = info.fields.findIndex((field) => field.name === name && field.kind === "choice");
    if (number >= 0) return number;
  }
  return info.fields.findIndex((field) => field.kind === "choice");
}

/** One line that says what one sees. */
function summary(info) {
  const parts = [`${info.n_total.toLocaleString("en")} pictures`];
  if (info.n < info.n_total) parts.push(`an even sample of ${info.n.toLocaleString("en")} is drawn`);
  parts.push(info.projection === "umap" ? "laid out by UMAP" : "laid out by PCA");
  if (info.n_placed) parts.push(`${info.n_placed} placed later`);
  if (info.trustworthiness) parts.push(`trustworthiness ${info.trustworthiness.toFixed(3)}`);
  return parts.join(", ");
}
