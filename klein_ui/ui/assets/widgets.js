// Gradio's widgets, written to as a hand would; and what of kept settings they can show.

/** Through the event that Gradio itself listens to. */
function writeField(field, value) {
  if (!field || field.value === String(value)) return;
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, String(value));
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function choose(group, value) {
  const radio = [...(group?.querySelectorAll("input") ?? [])].find((input) => input.value === String(value));
  if (radio && !radio.checked) radio.click();
}

function writeWidgets(root, { seed, steps, guidance_scale, aspect, side }) {
  const find = (part) => root.querySelector(`.klein-${part}`);
  writeSeed(root, seed);
  writeField(find("steps")?.querySelector("input[type='number']"), steps);
  writeField(find("guidance")?.querySelector("input[type='number']"), guidance_scale);
  choose(find("aspect"), aspect);
  choose(find("side-length"), side);
}

/** The values of `kept` that the model of `row` has, and the aspect and side that make its size. */
function within(kept, row, side, aspect) {
  const values = { seed: kept.seed };
  if (kept.steps <= row.limits.steps) values.steps = kept.steps;
  const isGuided = row.limits.guidance_scale > 1;
  if (isGuided && kept.guidance_scale <= row.limits.guidance_scale) values.guidance_scale = kept.guidance_scale;
  for (const choice of CONFIG.aspects) {
    for (const longer of row.choices.sides) {
      const { width, height } = sizeOf(choice.split(":").map(Number), longer, row.limits);
      if (width === kept.width && height === kept.height) return { values, side: longer, aspect: choice };
    }
  }
  return { values, side, aspect };
}
