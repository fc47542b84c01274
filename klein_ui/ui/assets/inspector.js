// What is known of one pin, and what may be said of it.

/** `edit(id, fields)` sends a change; `open(pin)` shows it large; `say(sentence)`. */
function createInspector(panel, store, { edit, open, say }) {
  const find = (part) => panel.querySelector(`.klein-${part}`);
  const fields = {
    title: find("pin-title"),
    role: find("pin-role"),
    tags: find("pin-tags"),
    note: find("pin-note"),
  };
  const palettes = new Map();
  let pin = null;

  const said = {
    title: () => fields.title.value,
    role: () => fields.role.value,
    note: () => fields.note.value,
    tags: () => fields.tags.value.split(",").map((tag) => tag.trim()).filter(Boolean),
  };

  for (const [name, field] of Object.entries(fields)) {
    field.addEventListener("change", () => pin && edit(pin.id, { [name]: said[name]() }));
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && name !== "note") field.blur();
      event.stopPropagation();
    });
  }
  panel.querySelector(".klein-inspector-picture").addEventListener("click", () => pin && open(pin));

  async function colours(of) {
    const row = find("palette");
    if (!palettes.has(of.id)) {
      row.replaceChildren();
      palettes.set(of.id, await store.palette(of.id).catch(() => []));
    }
    if (pin?.id !== of.id) return;
    row.replaceChildren(...palettes.get(of.id).map(swatch));
  }

  function swatch({ hex, share }) {
    const button = document.createElement("button");
    button.type = "button";
    button.style.background = hex;
    button.style.flexGrow = Math.max(share, 0.08);
    button.title = hex;
    button.setAttribute("aria-label", `Copy ${hex}, ${Math.round(share * 100)} % of the picture`);
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(hex);
        say(`${hex} copied.`);
      } catch {
        say(`The browser refused to copy; the colour is ${hex}.`);
      }
    });
    return button;
  }

  function facts(of) {
    const when = new Date(of.pinned_at * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
    const loras = of.loras.map(({ name, scale }) => `${name} ${scale}`).join(", ");
    const all = { Seed: of.seed, Size: `${of.width} × ${of.height}`, Steps: of.steps, Model: of.model, LoRAs: loras, Pinned: when };
    if (of.references.length) all.Images = of.references.length;
    if (of.blend) all.Blend = `${Math.round(of.blend.share * 100)} % “${of.blend.prompt}”`;
    if (of.stage !== "final") all.Stage = "a draft, small";
    return Object.entries(all).filter(([, value]) => value !== "").flatMap(([name, value]) => {
      const [term, text] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name;
      text.textContent = value;
      return [term, text];
    });
  }

  function put(field, value) {
    if (document.activeElement !== field) field.value = value;
  }

  return {
    /** `pin` is the one that is chosen, null where it is none or several. */
    show(of) {
      const isOther = pin?.id !== of?.id;
      pin = of;
      panel.hidden = !of;
      if (!of) return;
      if (isOther) {
        const image = panel.querySelector("img");
        image.src = store.thumbnail(of.id);
        image.style.aspectRatio = `${of.width} / ${of.height}`;
        find("pin-facts").replaceChildren(...facts(of));
        colours(of);
      }
      find("pin-prompt").textContent = of.prompt;
      put(fields.title, of.title);
      put(fields.role, of.role);
      put(fields.tags, of.tags.join(", "));
      put(fields.note, of.note);
    },
  };
}
