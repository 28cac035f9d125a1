// Pages of sprites, loaded when something on them is to be drawn; the least recently used are let go.

const MOST_PAGES = 40; // of 4 MB each when decoded
const NO_SLOT = 0xffffffff;

export class Atlas {
  /**
   * @param {import("./data.js").MapData} data
   * @param {() => void} onPage called when a page has arrived
   */
  constructor(data, onPage) {
    this.data = data;
    this.onPage = onPage;
    this.sizes = data.info.atlas.sizes;
    this.page = data.info.atlas.page;
    /** @type {Map<string, ImageBitmap|null>} null while on its way */
    this.pages = new Map();
    this.loading = 0;
  }

  has(i) {
    return this.data.slots !== null && this.data.slots[i] !== NO_SLOT;
  }

  /**
   * Where a point's picture lies: its page (or null while that loads) and the corner of its cell.
   * @returns {{key: string, bitmap: ImageBitmap|null, x: number, y: number}}
   */
  sprite(i, size) {
    const across = Math.floor(this.page / size), slot = this.data.slots[i];
    const number = Math.floor(slot / (across * across)), at = slot % (across * across);
    const key = `atlas/${size}/${number}.webp`;
    return { key, bitmap: this.get(key), x: (at % across) * size, y: Math.floor(at / across) * size };
  }

  /** A sprite at the wanted size, or at any size that is there already. */
  best(i, size) {
    const exact = this.sprite(i, size);
    if (exact.bitmap) return { ...exact, size };
    for (const other of this.sizes) {
      const across = Math.floor(this.page / other), slot = this.data.slots[i];
      const bitmap = this.pages.get(`atlas/${other}/${Math.floor(slot / (across * across))}.webp`);
      if (bitmap) return { ...this.sprite(i, other), size: other };
    }
    return { ...exact, size };
  }

  get(key) {
    const found = this.pages.get(key);
    if (found) {
      this.pages.delete(key); // put last: most recently used
      this.pages.set(key, found);
    }
    if (found === undefined) this.load(key);
    return found ?? null;
  }

  async load(key) {
    this.pages.set(key, null);
    this.loading++;
    try {
      const bitmap = await createImageBitmap(await this.data.source.blob(key));
      this.pages.set(key, bitmap);
      this.trim();
    } catch (error) {
      console.warn(error); // the points of this page stay points
    }
    this.loading--;
    this.onPage();
  }

  trim() {
    for (const [key, bitmap] of this.pages) {
      if (this.pages.size <= MOST_PAGES) break;
      if (!bitmap) continue;
      bitmap.close();
      this.pages.delete(key);
    }
  }
}
