// Pointer, wheel, pinch and keyboard, as plain requests to the map: no drawing here.

const CLICK_PX = 5;

/**
 * @typedef {object} Wishes
 * @property {(dx: number, dy: number) => void} pan
 * @property {(factor: number, x: number, y: number) => void} zoom at a screen point
 * @property {(x: number, y: number) => void} hover
 * @property {() => void} leave
 * @property {(x: number, y: number) => void} click
 * @property {(path: number[], done: boolean) => void} draw an outline or a box, in screen pixels
 * @property {(key: string, shift: boolean) => boolean} key true when it meant something
 * @property {() => void} rest the hand has stopped
 * @property {() => "pan"|"lasso"|"box"} mode
 */

/**
 * @param {HTMLElement} stage
 * @param {Wishes} wishes
 */
export function listen(stage, wishes) {
  const down = new Map(); // pointers that are down: id -> [x, y]
  let path = null, start = null, moved = false, spread = 0, resting = 0;
  const rest = () => {
    clearTimeout(resting);
    resting = setTimeout(wishes.rest, 90);
  };
  const place = (event) => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const pinch = () => {
    const [[ax, ay], [bx, by]] = [...down.values()];
    return { distance: Math.hypot(ax - bx, ay - by) || 1, x: (ax + bx) / 2, y: (ay + by) / 2 };
  };

  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    stage.setPointerCapture(event.pointerId);
    const at = place(event);
    down.set(event.pointerId, at);
    if (down.size === 2) {
      path = null;
      spread = pinch().distance;
      moved = true;
      return;
    }
    start = at;
    moved = false;
    path = wishes.mode() !== "pan" || event.shiftKey ? [...at] : null;
  });

  stage.addEventListener("pointermove", (event) => {
    const at = place(event), before = down.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") wishes.hover(at[0], at[1]);
      return;
    }
    if (down.size === 2) {
      const middle = pinch();
      down.set(event.pointerId, at);
      const now = pinch();
      wishes.pan(now.x - middle.x, now.y - middle.y);
      wishes.zoom(now.distance / spread, now.x, now.y);
      spread = now.distance;
      rest();
      return;
    }
    if (!moved && Math.hypot(at[0] - start[0], at[1] - start[1]) < CLICK_PX) return;
    if (!moved) wishes.leave();
    moved = true;
    down.set(event.pointerId, at);
    if (path) {
      if (wishes.mode() === "box") path = [start[0], start[1], at[0], start[1], at[0], at[1], start[0], at[1]];
      else path.push(...at);
      wishes.draw(path, false);
    } else {
      wishes.pan(at[0] - before[0], at[1] - before[1]);
      rest();
    }
  });

  const up = (event) => {
    if (!down.delete(event.pointerId)) return;
    if (path && moved) wishes.draw(path, true);
    else if (!moved && event.type === "pointerup") wishes.click(start[0], start[1]);
    path = null;
    if (moved && !path) rest();
  };
  stage.addEventListener("pointerup", up);
  stage.addEventListener("pointercancel", up);
  stage.addEventListener("pointerleave", () => {
    if (!down.size) wishes.leave();
  });

  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const [x, y] = place(event);
    const lines = event.deltaMode === 1 ? 16 : 1;
    // A pinch on a touch pad arrives as a wheel with the control key, in small steps.
    const step = Math.max(-240, Math.min(240, event.deltaY * lines)) * (event.ctrlKey ? 4 : 1);
    wishes.zoom(Math.exp(-step * 0.002), x, y);
    rest();
  }, { passive: false });

  stage.addEventListener("dblclick", (event) => {
    const [x, y] = place(event);
    wishes.zoom(2, x, y);
    rest();
  });

  stage.addEventListener("keydown", (event) => {
    if (event.target !== stage || event.ctrlKey || event.metaKey || event.altKey) return;
    if (wishes.key(event.key, event.shiftKey)) {
      event.preventDefault();
      rest();
    }
  });
}
