// What is known of the picked pin, and what somebody says of it: saved as it is typed.

const SAVE_AFTER_MS = 600;
const MANY_HINT = "Drag to arrange, or onto the name of another board to move them there.";
const NONE_HINT = "Pick a picture to see what made it. Drag to arrange; a double click opens it large; S stars, Delete takes it down.";

/** `save(id, fields)`, `open(id)` large, `say(sentence)`. */
function createInspector(aside, store, { save, open, say }) {
  const find = (part) => aside.querySelector(`.klein-${part}`);
  const fields = {
    title: find("pin-title"),
    note: find("pin-note"),
    tags: find("pin-tags"),
    role: find("pin-role"),
  };
  const palette = createPalette(find("palette"), say);
  let pin = null;
  let timer = 0;
  let unsaved = {};

  const read = (name) => (name === "tags" ? tagsOf(fields.tags.value) : fields[name].value);

  function flush() {
    clearTimeout(timer);
    const said = unsaved;
    unsaved = {};
    if (pin && Object.keys(said).length) save(pin.id, said);
  }

  for (const [name, field] of Object.entries(fields)) {
    field.addEventListener("input", () => {
      unsaved[name] = read(name);
      clearTimeout(timer);
      timer = setTimeout(flush, SAVE_AFTER_MS);
    });
    field.addEventListener("change", flush);
  }
  window.addEventListener("pagehide", () => {
    flush();
    store.leave();
  });
  find("star").addEventListener("click", () => save(pin.id, { star: !pin.star }));
  find("inspector-look").addEventListener("click", () => open(pin.id));

  function fill(isOther) {
    const written = { title: pin.title, note: pin.note, tags: pin.tags.join(", "), role: pin.role };
    for (const [name, field] of Object.entries(fields)) {
      // What is being typed stays as it is.
      if (isOther || (field !== document.activeElement && !(name in unsaved))) field.value = written[name];
    }
    find("pin-unsaved").hidden = !pin.isUnsaved;
    find("star").setAttribute("aria-pressed", String(pin.star));
    find("star").textContent = pin.star ? "★" : "☆";
    if (!isOther) return;
    find("inspector-look").firstElementChild.src = store.picture(pin.id, 640);
    find("inspector-look").style.setProperty("--ratio", pin.width / pin.height);
    find("pin-prompt").textContent = pin.prompt || "No words";
    find("pin-settings").replaceChildren(...settingsOf(pin));
    palette.show(() => store.palette(pin.id));
  }

  return {
    show(picked) {
      const [next] = picked.length === 1 ? picked : [null];
      const isOther = next?.id !== pin?.id;
      if (isOther) flush();
      pin = next;
      find("inspector-pin").hidden = !pin;
      find("inspector-hint").hidden = pin !== null;
      find("inspector-hint").textContent = picked.length ? `${picked.length} pictures are picked. ${MANY_HINT}` : NONE_HINT;
      if (pin) fill(isOther);
    },
  };
}

const tagsOf = (text) => text.split(",").map((tag) => tag.trim()).filter(Boolean);

/** The settings as terms and values; what says nothing is left out. */
function settingsOf(pin) {
  const when = new Date(pin.pinned_at * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  const rows = {
    Model: pin.model,
    Size: `${pin.width} × ${pin.height}${pin.stage === "draft" ? ", a draft" : ""}`,
    Seed: pin.seed,
    Steps: pin.steps,
    Guidance: pin.guidance_scale === 1 ? "" : pin.guidance_scale,
    LoRAs: pin.loras.map(({ name, scale }) => `${name} ${scale}`).join(", "),
    Images: pin.references.map(({ role }, index) => role || `image ${index + 1}`).join(", "),
    Blend: pin.blend ? `${Math.round(pin.blend.share * 100)} % “${pin.blend.prompt}”` : "",
    Pinned: when,
  };
  return Object.entries(rows).filter(([, value]) => value !== "").flatMap(([term, value]) => [
    Object.assign(document.createElement("dt"), { textContent: term }),
    Object.assign(document.createElement("dd"), { textContent: value }),
  ]);
}

/** Five colours; a click copies the hex. */
function createPalette(part, say) {
  let turns = 0;

  async function copy(hex) {
    try {
      await navigator.clipboard.writeText(hex);
      say(`Copied ${hex}.`);
    } catch {
      say(`The browser refused to copy; the colour is ${hex}.`);
    }
  }

  function swatch({ hex, share }) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "klein-swatch", title: `Copy ${hex}, ${Math.round(share * 100)} % of the picture` });
    button.setAttribute("aria-label", `Copy ${hex}`);
    button.style.setProperty("--colour", hex);
    button.append(Object.assign(document.createElement("span"), { textContent: hex }));
    button.addEventListener("click", () => copy(hex));
    return button;
  }

  return {
    async show(fetched) {
      const mine = (turns += 1);
      part.replaceChildren();
      const colours = await fetched().catch(() => []);
      if (mine === turns) part.replaceChildren(...colours.map(swatch));
    },
  };
}

/** On a phone the inspector is a sheet: a button opens it; that, its ×, Escape and a tap beside it close it. */
function createDetailsSheet(root, aside, button, list) {
  const isOpen = () => root.dataset.details === "open";

  function open(to) {
    root.dataset.details = to ? "open" : "";
    button.setAttribute("aria-expanded", String(to));
    if (!to && aside.contains(document.activeElement)) button.focus({ preventScroll: true });
  }

  root.addEventListener("click", (event) => {
    if (!isOpen() || !aside.checkVisibility() || aside.contains(event.target) || button.contains(event.target)) return;
    open(false);
    // A tap on the wall closes, and picks nothing.
    if (list.contains(event.target)) event.stopPropagation();
  }, true);
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !isOpen() || !aside.checkVisibility() || event.target.closest("dialog")) return;
    event.stopPropagation();
    open(false);
  }, true);
  return { isOpen, open };
}
