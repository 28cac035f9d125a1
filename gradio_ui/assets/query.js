// The query panel: the picture that is searched with, its tools, and examples to begin with.

import { alsoStrip } from "./also.js";
import { button, h } from "./dom.js";
import { intake, previewOf } from "./intake.js";
import { regionSelector } from "./region.js";
import { all, chosen, navigate, NO_PICTURE, onGalleries, searchStored, state, subscribe } from "./store.js";

const LARGE_BYTES = 300_000;

/** Read a picture beside the page's own thread, so that a large one does not hold up the search; null if it cannot be read. */
async function decoded(url) {
  try {
    const blob = await (await fetch(url)).blob();
    const smaller = blob.size > LARGE_BYTES ? { resizeWidth: 640, resizeQuality: "medium" } : {};
    return await createImageBitmap(blob, { imageOrientation: "from-image", ...smaller });
  } catch {
    return null; // a kind that this browser does not know, or no picture at all
  }
}

/** Build the panel. `report` shows a problem; returns {element, showStored(card)}. */
export function queryPanel({ upload, server, mostBytes, report }) {
  const canvas = h("canvas", { role: "img", "aria-label": "The picture that is searched with" });
  const stage = h("div", { class: "pm-stage" }, canvas);
  const region = regionSelector(stage, (box) => navigate({ region: box }));
  const name = h("p", { class: "pm-query-name" });
  let picture = null; // an ImageBitmap
  let shown = "";
  let unreadable = false;

  const gate = intake({ upload, mostBytes, report, busy });
  const tools = h("div", { class: "pm-tools", role: "group", "aria-label": "Query picture" },
    button("Turn left", { iconName: "left", quiet: true, onclick: () => turn(-1) }),
    button("Turn right", { iconName: "right", quiet: true, onclick: () => turn(1) }),
    button("Flip", { iconName: "mirror", quiet: true, onclick: flip }),
    region.tool,
    button("Clear", { iconName: "close", quiet: true, onclick: () => navigate(NO_PICTURE) }));
  const drop = h("label", { class: "pm-drop" }, gate.input,
    h("strong", {}, "Drop a picture here"), h("span", {}, "or paste one, or "), h("span", { class: "pm-link" }, "choose a file"));
  const another = button("Choose another", { iconName: "picture", onclick: () => gate.input.click() });
  const again = h("div", { class: "pm-again" }, another,
    button("Camera", { iconName: "camera", onclick: gate.camera }));
  const examples = h("div", { class: "pm-examples" });
  const held = h("div", { class: "pm-held", hidden: true }, stage, h("div", { class: "pm-held-side" }, name, tools), alsoStrip({ server, add: gate.add }).element, region.panel);
  const element = h("section", { class: "pm-query", "aria-label": "Query" }, drop, held, again, examples);

  function busy(file) {
    element.classList.toggle("pm-busy", Boolean(file));
    if (file) {
      reveal(true);
      name.textContent = `Sending ${file.name} …`;
      show(file.preview);
    } else follow(state());
  }

  function reveal(hasPicture) {
    drop.hidden = hasPicture;
    held.hidden = !hasPicture;
    another.hidden = !hasPicture;
    element.classList.toggle("pm-has-picture", hasPicture);
    document.querySelector(".pm-search")?.classList.toggle("pm-has-query", hasPicture);
  }

  function follow(now) {
    const hasPicture = now.id !== null || Boolean(now.upload);
    reveal(hasPicture);
    region.show(now.region);
    if (!hasPicture) {
      shown = "";
      return;
    }
    if (now.upload) {
      name.textContent = now.upload.name;
      show(previewOf(now.upload.path) ?? now.upload.url, now.upload.path);
    } else draw();
  }

  /** Show a URL; when the browser cannot read that kind of file, ask the server for one that it can. */
  async function show(url, path = null) {
    if (url === shown && !(unreadable && path)) return draw();
    const known = url === shown;
    shown = url;
    unreadable = false;
    if (!known) {
      const read = await decoded(url);
      if (shown !== url) return;
      picture = read;
      if (picture) return draw();
    }
    canvas.width = canvas.height = 0;
    held.classList.add("pm-unseen");
    unreadable = true;
    path ??= state().upload?.path ?? null;
    if (!path) return;
    unreadable = false;
    const answer = await server.preview({ path });
    if (!answer.picture || shown !== url) return;
    picture = await decoded(answer.picture);
    if (shown === url) draw();
  }

  function draw() {
    if (!picture) return;
    held.classList.remove("pm-unseen");
    const { turns, mirrored } = state();
    const scale = Math.min(900 / Math.max(picture.width, picture.height), Math.max(1, 288 / picture.width));
    const [w, t] = [Math.max(1, Math.round(picture.width * scale)), Math.max(1, Math.round(picture.height * scale))];
    [canvas.width, canvas.height] = turns % 2 ? [t, w] : [w, t];
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.translate(canvas.width / 2, canvas.height / 2);
    if (mirrored) context.scale(-1, 1);
    context.rotate((turns * Math.PI) / 2);
    context.drawImage(picture, -w / 2, -t / 2, w, t);
  }

  // The picture is turned first and then mirrored, so that turning a mirrored one goes the other way round.
  function turn(way) {
    const { turns, mirrored, region: box } = state();
    const turned = box && (way > 0 ? [1 - box[3], box[0], 1 - box[1], box[2]] : [box[1], 1 - box[2], box[3], 1 - box[0]]);
    navigate({ turns: (turns + (mirrored ? -way : way) + 4) % 4, region: turned });
  }

  function flip() {
    const { mirrored, region: box } = state();
    navigate({ mirrored: !mirrored, region: box && [1 - box[2], box[1], 1 - box[0], box[3]] });
  }

  function offer() {
    const current = chosen();
    const others = (all() ?? []).filter((entry) => entry !== current && entry.ready);
    const picked = [...(current?.examples ?? []).slice(0, 5).map((card) => [current, card]),
      ...others.slice(0, 3).flatMap((entry) => entry.examples.slice(0, others.length > 1 ? 1 : 3).map((card) => [entry, card]))];
    examples.replaceChildren(h("p", { class: "pm-hint" }, "Or try one of these"),
      h("div", { class: "pm-example-row" }, picked.map(([entry, card]) =>
        h("button", { type: "button", class: "pm-example", "aria-label": `Search with ${card.alt} (${entry.title})`, title: `${card.alt} (${entry.title})`,
          onclick: () => searchStored(entry.address, card.id) },
        h("img", { src: card.thumbnail, alt: "", width: 52, height: 52, loading: "lazy" })))));
  }

  onGalleries(offer);
  subscribe((now, before) => {
    if (now.gallery !== before.gallery) offer();
    follow(now);
  });
  follow(state());
  return {
    element,
    choose: () => gate.input.click(),
    showStored(card) {
      name.textContent = card.alt;
      show(card.thumbnail);
    },
  };
}
