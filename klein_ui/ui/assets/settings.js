// Size, seed and steps: from what the widgets say to what a request needs.

const GRID_PX = 16;
const RESTORE_MS = 400;

/** Width and height on the grid: `side` is the longer one, unless a limit of the model moves it. */
function sizeOf([across, down], side, limits) {
  const unit = side / Math.max(across, down);
  const smallest = limits.min_side / Math.min(across, down);
  const largest = limits.max_side / Math.max(across, down);
  const roomiest = Math.sqrt(limits.max_area / (across * down));
  const scale = Math.min(Math.max(unit, smallest), largest, roomiest);
  const onGrid = (length, rounded) =>
    Math.min(Math.max(rounded(length / GRID_PX) * GRID_PX, limits.min_side), limits.max_side);
  let [width, height] = [across * scale, down * scale].map((side) => onGrid(side, Math.round));
  if (width * height > limits.max_area) {
    [width, height] = [across * scale, down * scale].map((side) => onGrid(side, Math.floor));
  }
  return { width, height };
}

/** Whether the model makes pictures of that size. */
function isWithin(width, height, limits) {
  const fits = (side) => side % GRID_PX === 0 && side >= limits.min_side && side <= limits.max_side;
  return fits(width) && fits(height) && width * height <= limits.max_area;
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
  let side = 0;
  // A size that no aspect and side make, with the shape of the image it was made beside.
  let exact = null;
  let values = { seed: config.seed, ...defaults() };
  let restored = null;

  function defaults() {
    const { side: longer, ...others } = config.row.defaults;
    side = longer;
    return { ...others, ...size() };
  }

  /** An aspect that is no ratio is that of the image. */
  function size() {
    if (exact) return exact.size;
    const ratio = aspect.split(":").map(Number);
    const shape = ratio.length === 2 ? ratio : (imageShape?.() ?? [1, 1]);
    return sizeOf(shape, side, config.row.limits);
  }

  const imageIs = () => String(imageShape?.());

  /** Hold on to the size of `kept` where the choices do not make it. */
  function exactly({ width, height }) {
    exact = null;
    const made = size();
    const isMade = made.width === width && made.height === height;
    if (!isMade && isWithin(width, height, config.row.limits)) exact = { size: { width, height }, image: imageIs() };
  }

  function put(next) {
    const changed = Object.keys(next).some((name) => next[name] !== values[name]);
    values = { ...values, ...next };
    if (changed) onChange(values);
  }

  /** The widgets say one after the other what was put into them: not until all have is it news. */
  function hear(next) {
    if (restored) restored.heard = next;
    else put(next);
  }

  function settled() {
    const { heard } = restored;
    restored = null;
    if (heard) put(heard);
  }

  return {
    values: () => values,
    isLocked: () => locked,
    /**
     * What the widgets say, by name; a field being emptied keeps its last value, and so does one
     * that still shows what another model can do.
     */
    fromWidgets({ keep, aspect: ratio, side: longer, draft, ...numbers }) {
      const { limits, choices } = config.row;
      locked = keep;
      const isOffered = choices.sides.includes(Number(longer));
      if (ratio !== aspect || (isOffered && Number(longer) !== side)) exact = null;
      aspect = ratio;
      if (isOffered) side = Number(longer);
      const said = choices.drafts.includes(Number(draft)) ? { draft: Number(draft) } : {};
      for (const [name, value] of Object.entries(numbers)) {
        const isBeyond = name in config.row.defaults && value > limits[name];
        if (value !== null && !isBeyond) said[name] = value;
      }
      hear({ ...said, ...size() });
    },
    /** Take over the settings of a kept picture, as far as this model has them; none is asked for. */
    restore(kept) {
      const next = within(kept, config.row, side, aspect);
      ({ side, aspect } = next);
      exactly(kept);
      values = { ...values, ...next.values, ...size() };
      clearTimeout(restored?.timer);
      restored = { heard: null, timer: setTimeout(settled, RESTORE_MS) };
      writeWidgets(root, { ...values, aspect, side });
    },
    /** The model is another one, with its own defaults; the caller is about to ask. */
    refit() {
      exact = null;
      values = { ...values, ...defaults() };
    },
    /** The image that the aspect may follow is another one; the caller is about to ask. */
    reshape() {
      if (exact?.image !== imageIs()) exact = null;
      values = { ...values, ...size() };
    },
    /** Have this seed without asking for a picture: the caller is about to. */
    seedTo(seed) {
      values = { ...values, seed };
      writeSeed(root, seed);
    },
    /** Change the seed without asking for a picture: the caller is about to. */
    reseed() {
      values = { ...values, seed: newSeed() };
      writeSeed(root, values.seed);
    },
  };
}

/** Show `seed` in its widget. */
function writeSeed(root, seed) {
  writeField(root.querySelector(".klein-seed input"), seed);
}
