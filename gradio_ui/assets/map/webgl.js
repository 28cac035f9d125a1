// The back end for machines with a GPU: WebGL 2, one call for the points and one per atlas page for the pictures.

import { FADED } from "./scene.js";

const POINTS_VERTEX = `#version 300 es
in vec2 place; in float code; in float state;
uniform vec2 centre; uniform vec2 scale; uniform float size; uniform float wanted; uniform sampler2D table;
out vec3 colour;
void main() {
  gl_Position = vec4((place - centre) * scale, 0.0, 1.0);
  gl_PointSize = size + 1.0;
  if (abs(state - wanted) > 0.5) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
  colour = texelFetch(table, ivec2(int(code + 0.5) + (wanted < 1.5 ? 256 : 0), 0), 0).rgb;
}`;
const POINTS_FRAGMENT = `#version 300 es
precision highp float;
in vec3 colour; uniform float size; uniform float strength; out vec4 pixel;
void main() {
  float far = length(gl_PointCoord - 0.5) * (size + 1.0);
  float covered = clamp(size * 0.5 + 0.5 - far, 0.0, 1.0) * strength;
  pixel = vec4(colour * covered, covered);
}`;
const PICTURES_VERTEX = `#version 300 es
in vec2 corner; in vec2 place; in vec2 extent; in vec4 region; in vec4 tint;
uniform vec2 centre; uniform vec2 scale; uniform vec2 pixel;
out vec2 at; out vec4 shade;
void main() {
  gl_Position = vec4((place - centre) * scale + (corner - 0.5) * extent * pixel, 0.0, 1.0);
  at = region.xy + vec2(corner.x, 1.0 - corner.y) * region.zw;
  shade = tint;
}`;
const PICTURES_FRAGMENT = `#version 300 es
precision mediump float;
in vec2 at; in vec4 shade; uniform sampler2D page; out vec4 colour;
void main() {
  colour = shade.a < 0.0 ? vec4(shade.rgb, 1.0) : vec4(texture(page, at).rgb, 1.0) * shade.a;
}`;
const FLOATS = 12; // place 2, extent 2, region 4, tint 4
const MOST_TEXTURES = 48;

/** What draws WebGL here: "" without WebGL 2. A separate canvas is asked, since a canvas keeps its first context. */
export function rendererName() {
  const context = document.createElement("canvas").getContext("webgl2");
  if (!context) return "";
  const facts = context.getExtension("WEBGL_debug_renderer_info");
  const name = String(context.getParameter(facts ? facts.UNMASKED_RENDERER_WEBGL : context.RENDERER));
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return name;
}

/** True when that renderer computes on the processor, where writing pixels ourselves is faster. */
export function isSoftware(renderer) {
  return renderer === "" || /swiftshader|llvmpipe|softpipe|software|microsoft basic render/i.test(renderer);
}

export class WebglBackend {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {{onRestored: () => void, onGivenUp: () => void}} events the context came back, or did not within 3 s
   */
  constructor(canvas, events) {
    this.name = "webgl";
    this.margin = 0;
    this.canvas = canvas;
    const gl = canvas.getContext("webgl2", { antialias: false, alpha: false, depth: false, powerPreference: "high-performance" });
    if (!gl) throw new Error("WebGL 2 is not available");
    this.gl = gl;
    this.lost = false;
    canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault(); // asks for it back
      this.lost = true;
      this.giveUp = setTimeout(events.onGivenUp, 3000);
    });
    canvas.addEventListener("webglcontextrestored", () => {
      clearTimeout(this.giveUp);
      this.lost = false;
      this.prepare();
      events.onRestored();
    });
    this.prepare();
  }

  prepare() {
    const gl = this.gl;
    this.uploaded = {};
    this.textures = new Map();
    this.pointProgram = program(gl, POINTS_VERTEX, POINTS_FRAGMENT, ["place", "code", "state"]);
    this.pictureProgram = program(gl, PICTURES_VERTEX, PICTURES_FRAGMENT, ["corner", "place", "extent", "region", "tint"]);
    this.pointArrays = gl.createVertexArray();
    gl.bindVertexArray(this.pointArrays);
    this.buffers = [0, 1, 2].map(() => gl.createBuffer());
    this.pictureArrays = gl.createVertexArray();
    gl.bindVertexArray(this.pictureArrays);
    const corners = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, corners);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([0, 0, 1, 0, 0, 1, 1, 1]), gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    this.instances = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.instances);
    [[1, 2, 0], [2, 2, 2], [3, 4, 4], [4, 4, 8]].forEach(([at, size, offset]) => {
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, size, gl.FLOAT, false, FLOATS * 4, offset * 4);
      gl.vertexAttribDivisor(at, 1);
    });
    this.tableTexture = gl.createTexture();
  }

  resize(width, height, ratio) {
    this.ratio = ratio;
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
  }

  /** @param {import("./scene.js").Scene} scene @param {import("./view.js").View} view */
  render(scene, view) {
    this.scene = scene;
    if (this.lost) return;
    const gl = this.gl, n = scene.xy.length / 2;
    this.upload(0, scene.xy, 2, gl.FLOAT);
    this.upload(1, scene.codes ?? (this.zeros = same(this.zeros, n, 0)), 1, gl.UNSIGNED_BYTE);
    this.upload(2, scene.states ?? (this.twos = same(this.twos, n, 2)), 1, gl.UNSIGNED_BYTE);
    if (this.uploaded.table !== scene.table) {
      this.uploaded.table = scene.table;
      gl.bindTexture(gl.TEXTURE_2D, this.tableTexture);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 512, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(scene.table.buffer));
      nearest(gl);
    }
    this.collect(scene);
    this.present(view);
  }

  upload(at, values, size, type) {
    if (this.uploaded[at] === values) return;
    this.uploaded[at] = values;
    const gl = this.gl;
    gl.bindVertexArray(this.pointArrays);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[at]);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, type, false, 0, 0);
  }

  /** Write the pictures' instances, page by page: an edge in the point's colour and the picture itself. */
  collect(scene) {
    const pages = new Map();
    for (const picture of scene.pictures) {
      if (!pages.has(picture.bitmap)) pages.set(picture.bitmap, []);
      pages.get(picture.bitmap).push(picture);
    }
    const values = new Float32Array(scene.pictures.length * 2 * FLOATS), r = this.ratio;
    let at = 0;
    this.batches = [];
    for (const [bitmap, pictures] of pages) {
      const first = at / FLOATS;
      for (const { i, x, y, width, height, w, h } of pictures) {
        const faded = scene.states !== null && scene.states[i] === FADED;
        const pixel = scene.table[(scene.codes === null ? 0 : scene.codes[i]) + (faded ? 256 : 0)];
        const place = [scene.xy[2 * i], scene.xy[2 * i + 1]];
        const edge = scene.codes === null ? 0 : 3;
        values.set([...place, (w + edge) * r, (h + edge) * r, 0, 0, 0, 0,
          (pixel & 255) / 255, ((pixel >>> 8) & 255) / 255, ((pixel >>> 16) & 255) / 255, -1], at);
        values.set([...place, w * r, h * r, (x + 0.5) / bitmap.width, (y + 0.5) / bitmap.height,
          (width - 1) / bitmap.width, (height - 1) / bitmap.height, 0, 0, 0, faded ? 0.16 : 1], at + FLOATS);
        at += 2 * FLOATS;
      }
      this.batches.push({ bitmap, first, count: at / FLOATS - first });
    }
    const gl = this.gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.instances);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
  }

  /** @param {import("./view.js").View} view */
  present(view) {
    if (this.lost || !this.scene) return;
    const gl = this.gl, scene = this.scene, [r, g, b] = scene.ground;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(r / 255, g / 255, b / 255, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    const scale = [(2 * view.scale) / view.width, (-2 * view.scale) / view.height];
    const points = this.pointProgram;
    gl.useProgram(points.program);
    gl.bindVertexArray(this.pointArrays);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.tableTexture);
    gl.uniform1i(points.at("table"), 0);
    gl.uniform2f(points.at("centre"), view.x, view.y);
    gl.uniform2f(points.at("scale"), scale[0], scale[1]);
    gl.uniform1f(points.at("size"), (scene.density ? 1.2 : scene.diameter) * this.ratio);
    gl.uniform1f(points.at("strength"), scene.density ? 0.45 : 1);
    const runs = scene.runs(view.bounds(0.02));
    for (const wanted of scene.hasFaded ? [1, 2] : [2]) {
      gl.uniform1f(points.at("wanted"), wanted);
      if (runs.length > 400) gl.drawArrays(gl.POINTS, 0, scene.xy.length / 2);
      else for (let k = 0; k < runs.length; k += 2) gl.drawArrays(gl.POINTS, runs[k], runs[k + 1] - runs[k]);
    }
    this.presentPictures(view, scale);
  }

  presentPictures(view, scale) {
    const gl = this.gl, pictures = this.pictureProgram;
    gl.useProgram(pictures.program);
    gl.bindVertexArray(this.pictureArrays);
    gl.uniform2f(pictures.at("centre"), view.x, view.y);
    gl.uniform2f(pictures.at("scale"), scale[0], scale[1]);
    gl.uniform2f(pictures.at("pixel"), 2 / this.canvas.width, 2 / this.canvas.height);
    gl.uniform1i(pictures.at("page"), 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.instances);
    for (const { bitmap, first, count } of this.batches) {
      gl.bindTexture(gl.TEXTURE_2D, this.texture(bitmap));
      [[1, 2, 0], [2, 2, 2], [3, 4, 4], [4, 4, 8]].forEach(([at, size, offset]) =>
        gl.vertexAttribPointer(at, size, gl.FLOAT, false, FLOATS * 4, first * FLOATS * 4 + offset * 4));
      gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, count);
    }
  }

  texture(bitmap) {
    const gl = this.gl, known = this.textures.get(bitmap);
    if (known) return known;
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
    gl.generateMipmap(gl.TEXTURE_2D);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_NEAREST);
    clampEdges(gl);
    this.textures.set(bitmap, texture);
    if (this.textures.size > MOST_TEXTURES) {
      const [oldest, unused] = this.textures.entries().next().value;
      gl.deleteTexture(unused);
      this.textures.delete(oldest);
    }
    return texture;
  }

  covers() {
    return true;
  }

  dispose() {
    clearTimeout(this.giveUp);
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

function program(gl, vertex, fragment, attributes) {
  const made = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  }
  attributes.forEach((name, at) => gl.bindAttribLocation(made, at, name));
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(gl.getProgramInfoLog(made));
  const places = new Map();
  const at = (name) => {
    if (!places.has(name)) places.set(name, gl.getUniformLocation(made, name));
    return places.get(name);
  };
  return { program: made, at };
}

function nearest(gl) {
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  clampEdges(gl);
}

function clampEdges(gl) {
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
}

function same(known, n, value) {
  return known?.length === n ? known : new Uint8Array(n).fill(value);
}
