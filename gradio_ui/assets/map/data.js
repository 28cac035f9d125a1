// A map's files: coordinates and grid at once, everything else when it is first needed.

import { Grid } from "./grid.js";

/**
 * @typedef {object} Source
 * @property {(name: string) => Promise<ArrayBuffer>} bytes
 * @property {(name: string) => Promise<Blob>} blob
 * @property {(path: string) => string} thumbnail URL of a thumbnail, or "" where there are none
 */

/**
 * Files under a URL; they never change, since the URL names the generation, and so the browser may keep them.
 * @param {string} base ends with a slash
 * @param {string} version
 * @param {string} thumbnails URL of the folder of thumbnails, ending with a slash, or ""
 * @returns {Source}
 */
export function httpSource(base, version, thumbnails) {
  const get = async (name) => {
    const answer = await fetch(`${base}${name}?v=${version}`, { cache: "force-cache" });
    if (!answer.ok) throw new Error(`${name} could not be loaded (${answer.status})`);
    return answer;
  };
  return {
    bytes: async (name) => (await get(name)).arrayBuffer(),
    blob: async (name) => (await get(name)).blob(),
    thumbnail: (path) => (thumbnails && path ? thumbnails + path.split("/").map(encodeURIComponent).join("/") : ""),
  };
}

/**
 * Files that lie in the page itself, as base64.
 * @param {Record<string, string>} files
 * @returns {Source}
 */
export function inlineSource(files) {
  const bytes = async (name) => {
    if (!(name in files)) throw new Error(`${name} is not part of this page`);
    return Uint8Array.from(atob(files[name]), (letter) => letter.charCodeAt(0)).buffer;
  };
  return { bytes, blob: async (name) => new Blob([await bytes(name)], { type: "image/webp" }), thumbnail: () => "" };
}

export class MapData {
  /**
   * @param {Source} source
   * @param {object} info what map.json says
   * @param {Float32Array} xy
   * @param {Uint32Array} ids
   * @param {Grid} grid
   */
  constructor(source, info, xy, ids, grid) {
    this.source = source;
    this.info = info;
    this.xy = xy;
    this.ids = ids;
    this.grid = grid;
    this.n = ids.length;
    /** @type {Uint32Array|null} */ this.slots = null;
    /** @type {Uint8Array|null} */ this.shapes = null;
    this.columns = new Map();
    this.chunks = new Map();
  }

  /** @param {Source} source */
  static async open(source) {
    const [json, xy, ids, starts] = await Promise.all(
      ["map.json", "xy.f32", "ids.u32", "grid.u32"].map((name) => source.bytes(name)));
    const info = JSON.parse(new TextDecoder().decode(json));
    const coordinates = new Float32Array(xy);
    const grid = new Grid(info.grid.side, info.grid.bounds, new Uint32Array(starts), coordinates);
    return new MapData(source, info, coordinates, new Uint32Array(ids), grid);
  }

  /** Where thumbnails lie in the atlases; after the first picture. */
  async loadSlots() {
    if (!this.info.atlas.sizes.length || this.slots) return;
    const [slots, shapes] = await Promise.all([this.source.bytes("slots.u32"), this.source.bytes("shapes.u8")]);
    this.slots = new Uint32Array(slots);
    this.shapes = new Uint8Array(shapes);
  }

  /** A field's number by its name, or -1. */
  fieldNumber(name) {
    return this.info.fields.findIndex((field) => field.name === name);
  }

  /** @returns {Promise<Uint8Array>} the codes of a field */
  column(number) {
    if (!this.columns.has(number)) {
      this.columns.set(number, this.source.bytes(`fields/${number}.u8`).then((bytes) => new Uint8Array(bytes)));
    }
    return this.columns.get(number);
  }

  /** The point of an image, or -1. */
  point(id) {
    return this.ids.indexOf(id);
  }

  /** @returns {Promise<string[]>} the lines of a chunk of texts */
  chunk(number) {
    if (!this.chunks.has(number)) {
      this.chunks.set(number, this.source.bytes(`text/${number}.txt`).then((bytes) => new TextDecoder().decode(bytes).split("\n")));
      // Texts of a million points would fill the page: the oldest are forgotten, and come from the browser's cache.
      if (this.chunks.size > 64) this.chunks.delete(this.chunks.keys().next().value);
    }
    return this.chunks.get(number);
  }

  /** @returns {Promise<{title: string, byline: string, label: string, thumbnail: string}>} */
  async text(i) {
    const lines = await this.chunk(Math.floor(i / this.info.chunk));
    const [title, byline, label, thumbnail] = (lines[i % this.info.chunk] ?? "").split("\t");
    return { title: title ?? "", byline: byline ?? "", label: label ?? "", thumbnail: thumbnail ?? "" };
  }

  /**
   * Points whose title, byline or label has all words of a text.
   * @param {string} wanted
   * @returns {Promise<number[]>}
   */
  async search(wanted) {
    const words = wanted.toLowerCase().split(/\s+/).filter(Boolean), found = [];
    if (!words.length) return found;
    for (let number = 0; number * this.info.chunk < this.n; number++) {
      const lines = await this.chunk(number);
      for (let k = 0; k < lines.length; k++) {
        const line = lines[k].slice(0, lines[k].lastIndexOf("\t")).toLowerCase();
        if (words.every((word) => line.includes(word))) found.push(number * this.info.chunk + k);
      }
    }
    return found;
  }
}
