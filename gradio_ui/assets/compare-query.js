// The query of the Compare tab: the picture as it is searched with, and the ways to bring another.

import { button, bytes, h } from "./dom.js";
import { receiveFiles } from "./dropping.js";
import { all, chosen, navigate, NO_PICTURE, state } from "./store.js";

const KINDS = "image/*,.heic,.heif,.tif,.tiff,.jxl,.avif";
const sent = new Map(); // server path -> object URL of a file that was uploaded from this tab

/** Make the panel. `problem(title, message)` reports; `element` has a picture or examples; `follow(card)` draws. */
export function compareQuery({ upload, server, mostBytes, problem }) {
  const input = h("input", { type: "file", class: "pm-file", accept: KINDS, "aria-label": "Choose a picture to compare with",
    onchange: () => { if (input.files[0]) take(input.files[0]); input.value = ""; } });
  const canvas = h("canvas", { class: "pm-compare-picture", role: "img", "aria-label": "The picture that is compared with" });
  const element = h("div", { class: "pm-compare-query" }, canvas);
  let shown = "";

  async function take(file) {
    if (file.size > mostBytes) return problem("This file is too large", `${file.name} has ${bytes(file.size)}; the most is ${bytes(mostBytes)}.`);
    if (!file.size) return problem("This file is empty", `${file.name} has no bytes. It may not have been copied completely.`);
    try {
      const { path, url } = await upload(file);
      sent.set(path, URL.createObjectURL(file));
      navigate({ ...NO_PICTURE, tab: "compare", upload: { path, url, name: file.name } });
    } catch (error) {
      console.error(error);
      problem("The upload did not arrive", `${file.name} could not be sent. Is the page still running? Then try again.`);
    }
  }

  /** Draw the picture turned and mirrored as it is searched with, what is outside of a chosen region dimmed. */
  async function draw(url, path) {
    const { turns, mirrored, region } = state();
    const key = JSON.stringify([url, turns, mirrored, region]);
    if (key === shown) return;
    shown = key;
    let picture = await decoded(url);
    if (!picture && path) {
      const answer = await server.preview({ path }).catch(() => ({}));
      picture = answer.picture ? await decoded(answer.picture) : null;
    }
    if (shown !== key) return;
    canvas.hidden = !picture;
    if (!picture) return;
    const scale = Math.min(1, 420 / Math.max(picture.width, picture.height));
    const [w, t] = [Math.max(1, Math.round(picture.width * scale)), Math.max(1, Math.round(picture.height * scale))];
    [canvas.width, canvas.height] = turns % 2 ? [t, w] : [w, t];
    const context = canvas.getContext("2d");
    context.translate(canvas.width / 2, canvas.height / 2);
    if (mirrored) context.scale(-1, 1);
    context.rotate((turns * Math.PI) / 2);
    context.drawImage(picture, -w / 2, -t / 2, w, t);
    if (!region) return;
    context.resetTransform();
    context.fillStyle = "rgb(20 21 23 / 62%)";
    const [x0, y0, x1, y1] = region.map((value, at) => value * (at % 2 ? canvas.height : canvas.width));
    context.fillRect(0, 0, canvas.width, y0);
    context.fillRect(0, y1, canvas.width, canvas.height - y1);
    context.fillRect(0, y0, x0, y1 - y0);
    context.fillRect(x1, y0, canvas.width - x1, y1 - y0);
  }

  receiveFiles("compare", {
    over: (on) => document.querySelector(".pm-compare")?.classList.toggle("pm-compare-dropping", on),
    take: ([file]) => take(file),
  });

  return {
    element,
    input,
    choose: () => input.click(),
    /** Show the query: a stored picture's card, or null for the upload of the state. */
    follow(card) {
      const now = state();
      if (card) draw(card.thumbnail, null);
      else if (now.upload) draw(sent.get(now.upload.path) ?? now.upload.url, now.upload.path);
    },
    /** Pictures to begin with, of the chosen gallery. */
    examples: () => {
      const entry = chosen() ?? all()?.[0];
      return (entry?.examples ?? []).slice(0, 6).map((card) => h("button", { type: "button", "aria-label": `Compare with ${card.alt}`,
        onclick: () => navigate({ ...NO_PICTURE, tab: "compare", gallery: entry.address, id: card.id }) },
      h("img", { src: card.thumbnail, alt: "", loading: "lazy" })));
    },
  };
}

/** What to call the query in words, and how it was changed before it was searched with. */
export function queryWords(card) {
  const { upload, turns, mirrored, region } = state();
  const changes = [region ? "a region" : "", turns ? "turned" : "", mirrored ? "mirrored" : ""].filter(Boolean);
  return { name: card ? card.alt : upload?.name ?? "", changes: changes.join(", ") };
}

async function decoded(url) {
  try {
    return await createImageBitmap(await (await fetch(url)).blob(), { imageOrientation: "from-image" });
  } catch {
    return null; // a kind that this browser does not know
  }
}
