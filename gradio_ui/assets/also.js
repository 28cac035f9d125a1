// Further query pictures: small ones under the query, each removed by a press, and a tile that takes more.

import { h, icon } from "./dom.js";
import { previewOf } from "./intake.js";
import { chosen, navigate, onGalleries, state, subscribe } from "./store.js";

/** Build the strip. `add(files)` uploads further pictures. */
export function alsoStrip({ server, add }) {
  const input = h("input", { type: "file", multiple: true, accept: "image/*,.heic,.heif,.tif,.tiff,.jxl,.avif", class: "pm-file", "aria-label": "Add a query picture",
    title: "Add a query picture",
    onchange: () => {
      add([...input.files]);
      input.value = "";
    } });
  const tile = h("label", { class: "pm-also-add" }, input, icon("plus"));
  const list = h("div", { class: "pm-also-list" });
  const hint = h("span", { class: "pm-hint" }, "Add a picture to search with both");
  const element = h("div", { class: "pm-also", role: "group", "aria-label": "Further query pictures" }, list, tile, hint);
  const cards = new Map();

  async function follow() {
    const { also } = state();
    draw();
    const absent = also.filter((one) => one.id && !cards.has(`${chosen()?.address} ${one.id}`)).map((one) => one.id);
    if (!absent.length || !chosen()) return;
    const gallery = chosen().address;
    const answer = await server.cards({ gallery, ids: absent });
    for (const card of answer.cards ?? []) cards.set(`${gallery} ${card.id}`, card);
    if (answer.cards?.length) draw();
  }

  function draw() {
    const { also } = state();
    hint.hidden = also.length > 0;
    list.replaceChildren(...also.map((one, at) => {
      const card = one.id ? cards.get(`${chosen()?.address} ${one.id}`) : null;
      const name = one.upload?.name ?? card?.alt ?? `picture ${one.id}`;
      const source = one.upload ? previewOf(one.upload.path) ?? one.upload.url : card?.thumbnail;
      return h("button", { type: "button", class: "pm-also-one", title: `Remove ${name}`, "aria-label": `Remove query picture ${at + 2}: ${name}`,
        onclick: () => navigate({ also: also.filter((_, other) => other !== at) }) },
      source ? h("img", { src: source, alt: "", width: 52, height: 52 }) : null, h("span", { class: "pm-also-remove", "aria-hidden": "true" }, icon("close")));
    }));
  }

  onGalleries(follow);
  subscribe((now, before) => (now.also !== before.also || now.gallery !== before.gallery) && follow());
  follow();
  return { element };
}
