// What a back end draws.

/**
 * @typedef {object} Scene
 * @property {Float32Array} xy page coordinates
 * @property {Uint8Array|null} codes the colouring field's code of each point; null: all code 0
 * @property {Uint8Array|null} states of each point: HIDDEN, FADED or SHOWN; null: all SHOWN
 * @property {boolean} hasFaded
 * @property {Uint32Array} table 512 pixels: a code's colour, and 256 later its faded colour
 * @property {number[]} ground [r, g, b]
 * @property {(bounds: number[]) => number[]} runs points in a rectangle, as runs
 * @property {number} diameter of a point, in CSS pixels
 * @property {boolean} density show how many points there are instead of each
 * @property {Picture[]} pictures
 * @property {number} side of a picture's square, in CSS pixels
 */

/**
 * @typedef {object} Picture
 * @property {number} i point
 * @property {ImageBitmap} bitmap atlas page
 * @property {number} x corner of the sprite on the page
 * @property {number} y
 * @property {number} width of the sprite on the page
 * @property {number} height
 * @property {number} w drawn width in CSS pixels
 * @property {number} h
 */

export const HIDDEN = 0;
export const FADED = 1;
export const SHOWN = 2;

/**
 * The interface of back ends.
 * @typedef {object} Backend
 * @property {string} name
 * @property {number} margin how much is drawn beyond the canvas, as a share of its size, on each side
 * @property {(width: number, height: number, ratio: number) => void} resize
 * @property {(scene: Scene, view: import("./view.js").View) => void} render draw everything
 * @property {(view: import("./view.js").View) => void} present show what was drawn, moved and scaled to another view
 * @property {(view: import("./view.js").View) => boolean} covers whether `present` would fill the canvas
 * @property {() => void} dispose
 */
