// The LoRAs of a desk: which of the folder's are on, and how much of each.

const LORA = `
  <label class="klein-lora-name"><button type="button" class="klein-switch" role="switch"></button><span></span></label>
  <label class="klein-lora-scale">Scale<input type="range" min="-1" step="0.05"><output></output></label>
  <p class="klein-lora-lost" hidden>not in the folder</p>`;
const FIND_FROM = 9;
const byName = new Intl.Collator(undefined, { numeric: true });

/**
 * `folder` is what all desks share, `limits` how many may be on and the highest scale, `key` that
 * under which the choice outlives a reload. `onChange()` when the next request is another one.
 */
function createLoras(section, folder, limits, key, onChange) {
  const find = (selector) => section.querySelector(selector);
  const list = find(".klein-lora-list");
  const say = createLine(find(".klein-lora-line"));
  const rows = new Map();
  const chosen = new Map(keptLoras(key));
  const on = () => [...chosen.keys()].filter((name) => chosen.get(name).on);
  const of = (name) => chosen.get(name) ?? { on: false, scale: 1 };
  let problem = "";

  function put(name, fields) {
    chosen.set(name, { ...of(name), ...fields });
    keepLoras(key, [...chosen]);
    show();
    onChange();
  }

  /** Switch it on; false when enough are on already. */
  function use(name) {
    const hasRoom = of(name).on || on().length < limits.most;
    if (hasRoom) put(name, { on: true });
    return hasRoom;
  }

  function toggle(name) {
    say("");
    if (of(name).on) put(name, { on: false });
    else if (!use(name)) say(`${limits.most} LoRAs work together at most; switch one off first.`, "alert");
  }

  function row(name) {
    const item = document.createElement("li");
    item.className = "klein-lora";
    item.innerHTML = LORA;
    const [button, slider] = [item.querySelector("button"), item.querySelector("input")];
    item.querySelector("span").textContent = name;
    button.setAttribute("aria-label", `Use ${name}`);
    button.addEventListener("click", () => toggle(name));
    slider.setAttribute("aria-label", `Scale of ${name}`);
    slider.max = limits.highest;
    slider.addEventListener("input", () => put(name, { scale: Number(slider.value) }));
    return item;
  }

  function fill(item, name, isThere) {
    const { on: isOn, scale } = of(name);
    const slider = item.querySelector("input");
    item.dataset.on = isOn ? "yes" : "no";
    item.querySelector("button").setAttribute("aria-checked", String(isOn));
    item.querySelector(".klein-lora-scale").hidden = !isOn;
    item.querySelector(".klein-lora-lost").hidden = isThere || !folder.isRead();
    slider.value = scale;
    slider.setAttribute("aria-valuetext", scale === 0 ? "0, off" : String(scale));
    item.querySelector("output").textContent = scale === 0 ? "off" : scale.toFixed(2);
  }

  /** Those in the folder, and what is on though it is there no more. */
  function show() {
    const there = folder.names();
    const names = [...new Set([...there, ...on()])].sort(byName.compare);
    for (const [name, item] of rows) {
      if (names.includes(name)) continue;
      item.remove();
      rows.delete(name);
    }
    names.forEach((name, index) => {
      if (!rows.has(name)) rows.set(name, row(name));
      const item = rows.get(name);
      if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
      fill(item, name, there.includes(name));
    });
    find(".klein-loras-count").textContent = on().length ? `${on().length} of ${limits.most}` : "";
    find(".klein-loras-empty").hidden = names.length > 0 || !folder.isRead();
    find(".klein-lora-find").hidden = names.length < FIND_FROM;
    sift();
  }

  /** Hide what is not looked for; what is on stays. */
  function sift() {
    const field = find(".klein-lora-find");
    const words = field.hidden ? "" : field.value.trim().toLowerCase();
    for (const [name, item] of rows) item.hidden = !of(name).on && !name.toLowerCase().includes(words);
  }

  // A press leaves the caret in the prompt, so that typing goes on.
  section.addEventListener("mousedown", (event) => {
    if (event.target.closest(".klein-lora-name, [data-do]")) event.preventDefault();
  });
  find("[data-do='refresh']").addEventListener("click", async () => {
    await folder.refresh();
    if (!problem) say(`${folder.names().length} in the folder.`);
  });
  find(".klein-lora-find").addEventListener("input", sift);
  folder.onChange(() => {
    // What else stands there has nothing to do with the folder.
    if (problem !== folder.problem()) say(folder.problem(), "alert");
    problem = folder.problem();
    show();
  });
  listenToHub(find(".klein-lora-hub"), folder, use);
  show();

  return {
    /** Switch on exactly what `list` names, without a picture of it. */
    restore(list) {
      for (const name of on()) chosen.set(name, { ...of(name), on: false });
      for (const { name, scale } of list) chosen.set(name, { on: true, scale });
      keepLoras(key, [...chosen]);
      show();
    },
    /** What of a request's message is made here. */
    fields: () => ({ loras: on().map((name) => ({ name, scale: of(name).scale })) }),
  };
}

/** Gets LoRAs whose hub ids are typed; `use(name)` what came, false when enough are on. */
function listenToHub(part, folder, use) {
  const [form, field, button, bar] = ["form", "input", "button", "progress"].map((tag) => part.querySelector(tag));
  const say = createLine(part.querySelector(".klein-lora-line"));

  async function get(id) {
    bar.removeAttribute("value");
    const name = await folder.get(id, ({ sentence, fraction }) => {
      say(sentence);
      if (fraction !== null) bar.value = fraction;
    });
    field.value = "";
    say(use(name) ? `“${name}” is there and on.` : `“${name}” is there; switch another one off to use it.`);
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const id = field.value.trim();
    if (!id || button.disabled) return;
    say("");
    button.disabled = true;
    bar.hidden = false;
    await get(id).catch((error) => say(error.message, "alert"));
    button.disabled = false;
    bar.hidden = true;
  });
}

/** One sentence that stands until another one is said. */
function createLine(line) {
  return (sentence, role = "status") => {
    line.setAttribute("role", sentence ? role : "status");
    line.textContent = sentence;
  };
}

/** The choice of an earlier visit of this tab of the browser: names with `{on, scale}`. */
function keptLoras(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key)) ?? [];
  } catch {
    return [];
  }
}

function keepLoras(key, list) {
  try {
    sessionStorage.setItem(key, JSON.stringify(list));
  } catch {
    // A page that may keep nothing loses its choice at a reload, nothing else.
  }
}
