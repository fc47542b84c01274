// Runs in every page under test before the page's own scripts. It notes each key as the browser
// hands it out, and each new picture in the first task after the frame that first held it; whose
// picture that is, it reads from the stamp in the pixels (see stamp.py).
(() => {
  const GRID = 6, PICTURE_CELLS = 16, CHECK_BITS = 12;
  const keys = [], pictures = [], messages = [], waiting = new Set();
  const small = new OffscreenCanvas(GRID, GRID).getContext("2d", { willReadFrequently: true });
  small.imageSmoothingEnabled = false;

  function numberOf(text) {
    let value = 0x811c9dc5;
    for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193);
    return ((value >>> 24) ^ value) & 0xffffff;
  }

  const check = (number) => Math.floor((number * 0xb5d + 0x5a7) / 32) % 4096;

  function read(element) {
    const width = element.naturalWidth || element.width;
    const height = element.naturalHeight || element.height;
    const side = GRID * Math.floor(Math.min(width, height) / PICTURE_CELLS);
    small.drawImage(element, 0, 0, side, side, 0, 0, GRID, GRID);
    const pixels = small.getImageData(0, 0, GRID, GRID).data;
    const bits = Array.from({ length: GRID * GRID }, (_, i) =>
      pixels[4 * i] + pixels[4 * i + 1] + pixels[4 * i + 2] > 3 * 127 ? 1 : 0);
    const value = (part) => part.reduce((sum, bit) => 2 * sum + bit, 0);
    const number = value(bits.slice(0, -CHECK_BITS));
    return value(bits.slice(-CHECK_BITS)) === check(number) ? number : null;
  }

  function largest() {
    let best = null, bestArea = 0;
    for (const element of document.querySelectorAll("img, canvas")) {
      const { width, height } = element.getBoundingClientRect();
      if (width * height > bestArea) [best, bestArea] = [element, width * height];
    }
    return best;
  }

  // Changes with what the element shows; reading pixels in every frame would cost the page more.
  function version(element) {
    if (!element) return null;
    const { dataset, complete, naturalWidth, currentSrc } = element;
    if (element.tagName === "CANVAS") return `${dataset.seq} ${dataset.stage}`;
    return complete && naturalWidth ? currentSrc : null;
  }

  let seen = null, held = null;
  function frame() {
    const element = largest();
    held = { element, version: version(element) };
    afterFrame.port2.postMessage(null);
    requestAnimationFrame(frame);
  }

  function look() {
    const at = performance.now();
    // What came between frame and task is not on screen yet; the next frame will hold it.
    if (held.version === null || held.version === seen || version(held.element) !== held.version) return;
    seen = held.version;
    const number = read(held.element);
    if (number === null) return;
    pictures.push({ number, at_ms: performance.timeOrigin + at });
    latest = number;
    for (const wait of [...waiting]) wait(number);
  }

  let latest = null;
  const afterFrame = new MessageChannel();
  afterFrame.port1.onmessage = look;
  requestAnimationFrame(frame);

  addEventListener("input", ({ target, timeStamp }) => {
    if (target.tagName !== "TEXTAREA" && target.tagName !== "INPUT") return;
    keys.push({ number: numberOf(target.value), at_ms: performance.timeOrigin + timeStamp });
  }, { capture: true });

  window.WebSocket = class extends WebSocket {
    constructor(...where) {
      super(...where);
      this.addEventListener("message", ({ data }) => {
        if (typeof data !== "string") messages.push(performance.timeOrigin + performance.now());
      });
    }
  };

  window.kleinProbe = {
    take: () => ({
      keys: keys.splice(0), pictures: pictures.splice(0), messages_ms: messages.splice(0),
    }),
    shows: (number, timeoutMs) => new Promise((resolve) => {
      if (latest === number) return resolve(true);
      const done = (result) => {
        waiting.delete(wait);
        clearTimeout(timer);
        resolve(result);
      };
      const wait = (shown) => shown === number && done(true);
      const timer = setTimeout(done, timeoutMs, false);
      waiting.add(wait);
    }),
  };
})();
