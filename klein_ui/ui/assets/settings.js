// Size, seed and steps: from what the widgets say to what a request needs.

const GRID_PX = 16;

/** Width and height on the grid: `side` is the longer one, unless a limit of the model moves it. */
function sizeOf(aspect, side, limits) {
  const [across, down] = aspect.split(":").map(Number);
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

/** `onChange(values)` when something a request is made of changed. */
function createSettings(config, onChange) {
  let locked = true;
  let values = {
    seed: config.seed,
    draft: config.draft,
    steps: config.steps,
    ...sizeOf(config.aspect, config.side, config.limits),
  };

  function put(next) {
    const changed = Object.keys(next).some((name) => next[name] !== values[name]);
    values = { ...values, ...next };
    if (changed) onChange(values);
  }

  return {
    values: () => values,
    isLocked: () => locked,
    /** What the widgets say; a field being emptied keeps its last value. */
    fromWidgets(seed, keep, aspect, side, draft, steps) {
      locked = keep;
      put({
        seed: seed ?? values.seed,
        draft: Number(draft),
        steps: steps ?? values.steps,
        ...sizeOf(aspect, Number(side), config.limits),
      });
    },
    put,
    /** Change the seed without asking for a picture: the caller is about to. */
    reseed() {
      values = { ...values, seed: newSeed() };
      writeSeed(values.seed);
    },
  };
}

/** Show `seed` in its widget, through the event that Gradio itself listens to. */
function writeSeed(seed) {
  const field = document.querySelector("#klein-seed input");
  if (!field) return;
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, String(seed));
  field.dispatchEvent(new Event("input", { bubbles: true }));
}
