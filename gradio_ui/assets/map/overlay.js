// What lies over the points and changes with every move of the hand: names, rings, lines, outlines.

/**
 * @typedef {object} Marks
 * @property {number} hovered point, or -1
 * @property {number} picked point, or -1
 * @property {number[]} neighbours points that a line leads to
 * @property {{x: number, y: number, doubtful: boolean, neighbours: number[], image?: HTMLImageElement}|null} placed
 * @property {number[]} outline of the selection, in page coordinates
 * @property {number[]} path being drawn, in screen pixels
 * @property {boolean} crosshair keyboard's place
 */

const NAME_SIZES = [16, 14];

export class Overlay {
  /** @param {HTMLCanvasElement} canvas @param {import("./data.js").MapData} data */
  constructor(canvas, data) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.data = data;
  }

  resize(width, height, ratio) {
    this.ratio = ratio;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
  }

  /**
   * @param {import("./view.js").View} view
   * @param {Marks} marks
   * @param {{ink: string, accent: string, ground: string, warn: string}} colours
   * @param {{side: number, zoom: number, shape: (i: number) => number[]|null}} detail side of pictures, zoom, and the size of a point drawn as a picture
   */
  draw(view, marks, colours, detail) {
    const c = this.context;
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    c.clearRect(0, 0, view.width, view.height);
    c.lineJoin = c.lineCap = "round";
    this.names(view, colours, detail);
    if (marks.outline.length) this.outline(view, marks.outline, colours);
    if (marks.picked >= 0) this.lines(view, this.at(view, marks.picked), marks.neighbours, detail, colours);
    if (marks.placed) {
      const at = view.toScreen(marks.placed.x, marks.placed.y);
      this.lines(view, at, marks.placed.neighbours, detail, colours);
      for (const i of marks.placed.neighbours) this.ring(view, i, detail, colours, 1.5);
      this.landing(at, marks.placed, colours);
    }
    for (const i of marks.neighbours) this.ring(view, i, detail, colours, 1.5);
    if (marks.picked >= 0) this.ring(view, marks.picked, detail, colours, 3);
    if (marks.hovered >= 0) this.ring(view, marks.hovered, detail, colours, 2);
    if (marks.path.length) this.path(marks.path, colours);
    if (marks.crosshair) this.crosshair(view, colours);
  }

  at(view, i) {
    return view.toScreen(this.data.xy[2 * i], this.data.xy[2 * i + 1]);
  }

  /** Names of the large clusters from afar, of the small ones from nearer; none where pictures speak for themselves. */
  names(view, colours, { side, zoom }) {
    const c = this.context, level = zoom < 2.2 ? 0 : 1, taken = [];
    if (side > 72) return;
    c.textAlign = "center";
    c.textBaseline = "middle";
    c.font = `500 ${NAME_SIZES[level]}px "Iowan Old Style", "Palatino Linotype", Palatino, Georgia, serif`;
    const levels = new Set(this.data.info.clusters.map((cluster) => cluster.level));
    const wanted = levels.has(level) ? level : 0;
    for (const cluster of this.data.info.clusters) {
      if (cluster.level !== wanted) continue;
      const [x, edge] = view.toScreen(cluster.x, cluster.y), y = edge - Math.max(10, side / 2) - 12;
      const half = c.measureText(cluster.name).width / 2 + 6, box = [x - half, y - 12, x + half, y + 12];
      if (box[0] < 0 || box[2] > view.width || y < 10 || y > view.height - 10) continue;
      if (taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) continue;
      taken.push(box);
      c.globalAlpha = 0.86;
      c.fillStyle = colours.ground;
      c.beginPath();
      c.roundRect(box[0], box[1], box[2] - box[0], 24, 12);
      c.fill();
      c.globalAlpha = 1;
      c.fillStyle = colours.ink;
      c.fillText(cluster.name, x, y + 1);
    }
  }

  ring(view, i, { side, shape }, colours, width) {
    const c = this.context, [x, y] = this.at(view, i), [w, h] = (side && shape(i)) || [0, 0];
    c.beginPath();
    if (w) c.roundRect(x - w / 2 - 2, y - h / 2 - 2, w + 4, h + 4, 3);
    else c.arc(x, y, 8, 0, 2 * Math.PI);
    c.strokeStyle = colours.ground;
    c.lineWidth = width + 2;
    c.stroke();
    c.strokeStyle = colours.accent;
    c.lineWidth = width;
    c.stroke();
  }

  /** Lines to points, ending at the edge of those drawn as pictures. */
  lines(view, [x, y], neighbours, { side, shape }, colours) {
    const c = this.context, ends = neighbours.map((i) => {
      const [toX, toY] = this.at(view, i), [w, h] = (side && shape(i)) || [14, 14];
      const beyond = Math.max(Math.abs(toX - x) / (w / 2 + 2), Math.abs(toY - y) / (h / 2 + 2));
      const part = beyond > 1 ? 1 - 1 / beyond : 0;
      return [x + (toX - x) * part, y + (toY - y) * part];
    });
    for (const [style, width] of [[colours.ground, 3.5], [colours.accent, 1.25]]) {
      c.strokeStyle = style;
      c.lineWidth = width;
      c.globalAlpha = style === colours.ground ? 0.7 : 1;
      c.beginPath();
      for (const end of ends) {
        c.moveTo(x, y);
        c.lineTo(...end);
      }
      c.stroke();
    }
    c.globalAlpha = 1;
  }

  /** The placed picture in a ring, which is dashed where its place is doubtful. */
  landing([x, y], { doubtful, image }, colours) {
    const c = this.context, radius = 26, ready = image?.complete && image.naturalWidth > 0;
    c.save();
    c.beginPath();
    c.arc(x, y, radius, 0, 2 * Math.PI);
    c.fillStyle = colours.ground;
    c.fill();
    if (ready) {
      const scale = (2 * radius) / Math.min(image.naturalWidth, image.naturalHeight);
      const w = image.naturalWidth * scale, height = image.naturalHeight * scale;
      c.clip();
      c.drawImage(image, x - w / 2, y - height / 2, w, height);
    }
    c.restore();
    c.beginPath();
    c.arc(x, y, radius + 2, 0, 2 * Math.PI);
    c.strokeStyle = colours.ground;
    c.lineWidth = 8;
    c.stroke();
    c.setLineDash(doubtful ? [7, 6] : []);
    c.strokeStyle = doubtful ? colours.warn : colours.accent;
    c.lineWidth = 3.5;
    c.stroke();
    c.setLineDash([]);
  }

  outline(view, outline, colours) {
    const path = [];
    for (let k = 0; k < outline.length; k += 2) path.push(...view.toScreen(outline[k], outline[k + 1]));
    this.path(path, colours);
  }

  path(path, colours) {
    const c = this.context;
    c.beginPath();
    for (let k = 0; k < path.length; k += 2) c.lineTo(path[k], path[k + 1]);
    c.closePath();
    c.globalAlpha = 0.06;
    c.fillStyle = colours.accent;
    c.fill();
    c.globalAlpha = 1;
    c.setLineDash([4, 4]);
    c.strokeStyle = colours.accent;
    c.lineWidth = 1.5;
    c.stroke();
    c.setLineDash([]);
  }

  crosshair(view, colours) {
    const c = this.context, x = view.width / 2, y = view.height / 2;
    c.strokeStyle = colours.ink;
    c.lineWidth = 1;
    c.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      c.moveTo(x + dx * 5, y + dy * 5);
      c.lineTo(x + dx * 12, y + dy * 12);
    }
    c.stroke();
  }
}
