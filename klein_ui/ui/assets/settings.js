// Size, seed and steps: from what the widgets say to what a request needs.

const GRID_PX = 16;

/** Width and height on the grid: `side` is the longer one, unless a limit of the model moves it. */
function sizeOf([across, down], side, limits) {
  const unit = side / Math.max(across, down);
  const smallest = limits.minSide / Math.min(across, down);
  const largest = limits.maxSide / Math.max(across, down);
  const roomiest = Math.sqrt(limits.maxArea / (across * down));
  const scale = Math.min(Math.max(unit, smallest), largest, roomiest);
  const onGrid = (length, rounded) =>
    Math.min(Math.max(rounded(length / GRID_PX) * GRID_PX, limits.minSide), limits.maxSide);
  let [width, height] = [across * scale, down * scale].map((side) => onGrid(side, Math.round));
  if (width * height > limits.maxArea) {
    [width, height] = [across * scale, down * scale].map((side) => onGrid(side, Math.floor));
  }
  return { width, height };
}

/** A seed nobody chose. */
function newSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}

/**
 * `onChange(values)` when something a request is made of changed. `imageShape()`, where a desk has
 * it, is width and height of the image that the aspect follows at first.
 */
function createSettings(root, config, imageShape, onChange) {
  let locked = true;
  let aspect = imageShape ? "as the image" : config.aspect;
  let side = config.side;
  let values = { seed: config.seed, draft: config.draft, steps: config.steps, ...size() };

  /** An aspect that is no ratio is that of the image. */
  function size() {
    const ratio = aspect.split(":").map(Number);
    const shape = ratio.length === 2 ? ratio : (imageShape?.() ?? [1, 1]);
    return sizeOf(shape, side, config.limits);
  }

  function put(next) {
    const changed = Object.keys(next).some((name) => next[name] !== values[name]);
    values = { ...values, ...next };
    if (changed) onChange(values);
  }

  return {
    values: () => values,
    isLocked: () => locked,
    /** What the widgets say, by name; a field being emptied keeps its last value. */
    fromWidgets({ keep, aspect: ratio, side: longer, draft, ...numbers }) {
      locked = keep;
      aspect = ratio;
      side = Number(longer);
      const given = Object.entries(numbers).filter(([, value]) => value !== null);
      put({ ...Object.fromEntries(given), draft: Number(draft), ...size() });
    },
    /** The image that the aspect may follow is another one; the caller is about to ask. */
    reshape() {
      values = { ...values, ...size() };
    },
    /** Change the seed without asking for a picture: the caller is about to. */
    reseed() {
      values = { ...values, seed: newSeed() };
      writeSeed(root, values.seed);
    },
  };
}

/** Show `seed` in its widget, through the event that Gradio itself listens to. */
function writeSeed(root, seed) {
  const field = root.querySelector(".klein-seed input");
  if (!field) return;
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, String(seed));
  field.dispatchEvent(new Event("input", { bubbles: true }));
}
