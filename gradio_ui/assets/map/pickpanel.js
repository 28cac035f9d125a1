// The panel of a picked point or a placed picture: what it is, what resembles it, and where to go from here.

import { button, h } from "../dom.js";
import { fill } from "./fill.js";
import { picture } from "./picture.js";
import { strip } from "./strip.js";

/**
 * @typedef {object} Actions what the page can do; absent ones are not offered
 * @property {(id: number) => Promise<{neighbours: {id: number, similarity: number}[]}>} [neighbours]
 * @property {(id: number) => void} [searchWith]
 * @property {(path: string, name: string) => void} [searchWithUpload]
 */

/**
 * @param {() => import("./map.js").PictureMap} map
 * @param {Actions} actions
 */
export function pickPanel(map, actions) {
  const element = h("aside", { class: "pm-map-panel pm-map-pick", "aria-label": "Picked picture", hidden: true });
  let ticket = 0;

  function close() {
    ticket++;
    element.hidden = true;
    if (map().marks.placed) map().setPlaced(null);
    if (map().marks.picked >= 0) map().pick(-1);
  }

  const closer = () => button("Close", { iconName: "close", quiet: true, class: "pm-tool pm-map-close", onclick: close });

  function go(i) {
    map().pick(i);
    const [x, y] = map().view.toScreen(map().data.xy[2 * i], map().data.xy[2 * i + 1]);
    if (x < 0 || y < 0 || x > map().width || y > map().height) map().goTo(i, 0);
  }

  /** Show a picked point; its true neighbours follow when the server has found them. */
  async function show(i) {
    const mine = ++ticket;
    if (i < 0) {
      element.hidden = !map().marks.placed;
      return;
    }
    map().setPlaced(null);
    const now = map(), text = await now.data.text(i), id = now.data.ids[i];
    if (mine !== ticket) return;
    const alike = h("div", { class: "pm-map-alike" });
    const trust = now.data.fieldNumber("trust");
    fill(element, closer(),
      h("div", { class: "pm-map-big" }, picture(now, i, text, 180)),
      h("h2", { class: "pm-map-title" }, text.title),
      text.byline ? h("p", {}, text.byline) : null,
      text.label && text.label !== text.title ? h("p", { class: "pm-map-quiet" }, text.label) : null,
      trust >= 0 ? await trustLine(now, i, trust) : null,
      actions.searchWith ? h("div", { class: "pm-map-actions" },
        button("Search with this", { iconName: "search", class: "pm-button pm-primary", onclick: () => actions.searchWith(id) })) : null,
      alike);
    element.hidden = false;
    uncover(now, i, element);
    if (!actions.neighbours) return;
    const found = await actions.neighbours(id);
    if (mine !== ticket) return;
    if (found.error) alike.replaceChildren(h("p", { class: "pm-warning", role: "alert" }, found.error));
    else await listAlike(alike, found.neighbours, (points) => now.pick(i, points));
  }

  async function listAlike(target, neighbours, mark) {
    const now = map(), known = neighbours.map(({ id, similarity }) => ({ i: now.data.point(id), similarity })).filter(({ i }) => i >= 0);
    const notes = new Map(known.map(({ i, similarity }) => [i, similarity.toFixed(2)]));
    fill(target, h("h3", {}, "Most alike"), h("p", { class: "pm-map-quiet" }, "By cosine similarity of the stored vectors; lines lead to them on the map."),
      await strip(now, known.map(({ i }) => i), { go, note: (i) => notes.get(i), height: 56 }));
    mark(known.map(({ i }) => i));
  }

  /** Show where an upload was placed: `answer` as the server gave it. */
  async function showPlaced(answer, file, url) {
    ticket++;
    const now = map();
    now.pick(-1);
    const alike = h("div", { class: "pm-map-alike" });
    const doubtful = answer.doubts.length > 0;
    const share = `${Math.round(answer.agreement * 100)} % of the points around it are among its true neighbours`;
    fill(element, closer(),
      h("div", { class: "pm-map-big" }, h("img", { src: url, alt: "Your picture", height: 180, style: "height:180px" })),
      h("h2", { class: "pm-map-title" }, file.name),
      h("p", { class: doubtful ? "pm-map-doubt" : "pm-map-sure", role: "status" },
        doubtful ? `The place is doubtful: ${answer.doubts.join("; ")}.` : `Placed. ${share}.`),
      doubtful ? h("p", { class: "pm-map-quiet" }, `${share}.`) : null,
      actions.searchWithUpload ? h("div", { class: "pm-map-actions" },
        button("Search with this", { iconName: "search", class: "pm-button pm-primary", onclick: () => actions.searchWithUpload(answer.path, file.name) })) : null,
      alike);
    element.hidden = false;
    const image = h("img", { src: url, alt: "" });
    image.addEventListener("load", () => now.painter.touch());
    const placed = { x: answer.x, y: answer.y, doubtful, neighbours: [], image };
    now.setPlaced(placed);
    await listAlike(alike, answer.neighbours, (points) => now.setPlaced({ ...placed, neighbours: points }));
    const { xy } = now.data, around = now.marks.placed.neighbours;
    const xs = [placed.x, ...around.map((i) => xy[2 * i])], ys = [placed.y, ...around.map((i) => xy[2 * i + 1])];
    now.frameBox([Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)]);
  }

  return { element, show, showPlaced, close };
}

/** Where the panel lies below the map's middle, as on a phone, move the picked point above it. */
function uncover(map, i, panel) {
  const [x, y] = map.view.toScreen(map.data.xy[2 * i], map.data.xy[2 * i + 1]), edge = panel.offsetTop;
  if (panel.offsetWidth < map.width * 0.8 || y < edge - 20) return;
  map.moveTo(map.view.panned(map.width / 2 - x, edge / 2 - y));
}

async function trustLine(map, i, number) {
  const codes = await map.data.column(number), share = Math.round((codes[i] / 254) * 100);
  return h("p", { class: "pm-map-quiet", title: "Share of the ten nearest points on the map that are among the picture's thirty true neighbours" },
    `Trust in its place: ${share} %`);
}
