// A point's picture as an element: its thumbnail where the page has them, else cut from an atlas.

import { h } from "../dom.js";
import { spriteSize } from "./detail.js";

/**
 * @param {import("./map.js").PictureMap} map
 * @param {number} i point
 * @param {{thumbnail: string, title: string}} text
 * @param {number} height in CSS pixels
 */
export function picture(map, i, text, height) {
  const { data } = map, url = data.source.thumbnail(text.thumbnail);
  const aspect = data.shapes ? 2 ** ((data.shapes[i] - 128) / 32) : 1;
  const width = Math.round(height * aspect);
  if (url) return h("img", { src: url, alt: text.title, width, height, loading: "lazy", decoding: "async" });
  const canvas = h("canvas", { width: width * 2, height: height * 2, role: "img", "aria-label": text.title,
    style: `width:${width}px;height:${height}px` });
  if (data.slots && map.atlas.has(i)) cut(map, i, canvas, 20);
  return canvas;
}

/** Draw the sprite when its page has come. */
function cut(map, i, canvas, tries) {
  const size = map.atlas.sizes[map.atlas.sizes.length - 1], sprite = map.atlas.best(i, size);
  if (!sprite.bitmap) {
    if (tries) setTimeout(() => cut(map, i, canvas, tries - 1), 100);
    return;
  }
  const [width, height] = spriteSize(map.data.shapes[i], sprite.size);
  canvas.getContext("2d").drawImage(sprite.bitmap, sprite.x, sprite.y, width, height, 0, 0, canvas.width, canvas.height);
  if (sprite.size < size && tries) setTimeout(() => cut(map, i, canvas, tries - 1), 150);
}
