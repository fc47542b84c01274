// Two pins under one slider, and what their requests differ in.

const SETTINGS = [
  ["Seed", ({ seed }) => seed],
  ["Size", ({ width, height }) => `${width} × ${height}`],
  ["Steps", ({ steps }) => steps],
  ["Guidance", ({ guidance_scale: scale }) => scale],
  ["Model", ({ model }) => model],
  ["LoRAs", ({ loras }) => loras.map(({ name, scale }) => `${name} ${scale}`).join(", ") || "none"],
  ["Images", ({ references }) => references.length || "none"],
  ["Blend", ({ blend }) => (blend ? `${Math.round(blend.share * 100)} % “${blend.prompt}”` : "none")],
];

/** `pictureOf(pin)` is the address of a pin's picture. */
function createPinCompare(dialog, pictureOf) {
  const find = (part) => dialog.querySelector(part);
  const split = find(".klein-split");
  const first = find(".klein-pair-a");
  let pair = [];

  function cut() {
    first.style.clipPath = `inset(0 ${100 - split.value}% 0 0)`;
    split.style.setProperty("--split", `${split.value}%`);
  }

  function row(name, [a, b], cells) {
    const line = document.createElement("tr");
    line.dataset.differs = a === b ? "no" : "yes";
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = name;
    line.append(head, ...cells);
    return line;
  }

  function cell(...content) {
    const made = document.createElement("td");
    made.dir = "auto";
    made.append(...content);
    return made;
  }

  function show() {
    const [a, b] = pair;
    first.src = pictureOf(a);
    find(".klein-pair-b").src = pictureOf(b);
    first.alt = `A: ${a.prompt}`;
    find(".klein-pair-b").alt = `B: ${b.prompt}`;
    const [from, to] = [differing(b.prompt, a.prompt), differing(a.prompt, b.prompt)];
    const words = (parts) => marked(parts.filter(({ kind }) => kind !== "gone"));
    const prompts = row("Prompt", [a.prompt, b.prompt], [cell(...words(from)), cell(...words(to))]);
    const others = SETTINGS.map(([name, of]) => {
      const said = pair.map((pin) => String(of(pin)));
      return row(name, said, said.map((text) => cell(text)));
    });
    const same = others.filter(({ dataset }) => dataset.differs === "no");
    find("tbody").replaceChildren(prompts, ...others.filter((line) => !same.includes(line)));
    find(".klein-pair-same tbody").replaceChildren(...same);
    find(".klein-pair-same").hidden = same.length === 0;
    cut();
  }

  split.addEventListener("input", cut);
  onDialog(dialog, {
    swap() {
      pair.reverse();
      show();
    },
  });

  return {
    open(a, b) {
      pair = [a, b];
      split.value = 50;
      show();
      dialog.showModal();
      split.focus();
    },
  };
}

/** Buttons of a dialog by what they do; a press on what lies around it closes it, as Escape does. */
function onDialog(dialog, actions) {
  dialog.addEventListener("click", ({ target }) => {
    if (target === dialog) dialog.close();
    const name = target.closest("button")?.dataset.do;
    if (name === "close") dialog.close();
    else actions[name]?.();
  });
}
