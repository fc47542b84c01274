// The wall: pins in rows, chosen, arranged, and looked at; by mouse, finger and keys.

const LONG_PRESS_MS = 350;
const STILL_PX = 6;

/**
 * `list` is the element. `on.chosen(pins)` when the choice changed, `on.moved(ids, before)` when
 * pins were dropped before another (null: at the end), `on.over(element)` for what else is under a
 * drag, `on.dropped(ids, element)` when it ends there, `on.open(pin)`, `on.star(pins)`, `on.delete(pins)`.
 */
function createWall(list, thumbnail, on) {
  const items = new Map();
  let pins = [];
  let chosen = new Set();
  let anchor = null;
  let held = null;

  const shown = () => pins.filter(({ id }) => !items.get(id).hidden);
  const picked = () => shown().filter(({ id }) => chosen.has(id));
  const current = () => list.querySelector(".klein-kept[data-current]");

  function item(pin) {
    const made = document.createElement("figure");
    made.className = "klein-kept";
    made.id = `klein-kept-${pin.id}`;
    made.dataset.id = pin.id;
    made.setAttribute("role", "option");
    const image = document.createElement("img");
    image.loading = "lazy";
    image.decoding = "async";
    image.draggable = false;
    image.alt = "";
    image.src = thumbnail(pin.id);
    const caption = document.createElement("figcaption");
    made.append(image, caption);
    return made;
  }

  function fill(made, pin) {
    made.style.setProperty("--ratio", pin.width / pin.height);
    made.dataset.star = pin.star ? "yes" : "no";
    const words = pin.title || pin.prompt || "No words";
    made.querySelector("figcaption").textContent = pin.role ? `${words} · ${pin.role}` : words;
    made.setAttribute("aria-label", `${pin.star ? "Starred: " : ""}${words}`);
    made.title = pin.prompt;
  }

  function show(all) {
    pins = all;
    const known = new Set(all.map(({ id }) => id));
    for (const [id, made] of items) {
      if (known.has(id)) continue;
      made.remove();
      items.delete(id);
    }
    for (const pin of all) {
      if (!items.has(pin.id)) items.set(pin.id, item(pin));
      fill(items.get(pin.id), pin);
    }
    all.forEach(({ id }, index) => {
      const made = items.get(id);
      if (list.children[index] !== made) list.insertBefore(made, list.children[index] ?? null);
    });
    choose([...chosen].filter((id) => known.has(id)));
  }

  function choose(ids) {
    chosen = new Set(ids);
    for (const [id, made] of items) made.setAttribute("aria-selected", String(chosen.has(id)));
    on.chosen(picked());
  }

  function mark(id) {
    current()?.removeAttribute("data-current");
    const made = items.get(id);
    if (!made) return list.removeAttribute("aria-activedescendant");
    made.dataset.current = "yes";
    list.setAttribute("aria-activedescendant", made.id);
    made.scrollIntoView({ block: "nearest" });
  }

  function range(to) {
    const ids = shown().map(({ id }) => id);
    const [from, end] = [ids.indexOf(anchor ?? to), ids.indexOf(to)].sort((a, b) => a - b);
    choose(ids.slice(Math.max(0, from), end + 1));
  }

  /** A press chooses one; with a command key, or a finger, it adds and takes away. */
  function press(id, { shiftKey, ctrlKey, metaKey, pointerType }) {
    mark(id);
    if (shiftKey) return range(id);
    anchor = id;
    const adds = ctrlKey || metaKey || pointerType === "touch";
    if (!adds) return choose(chosen.size === 1 && chosen.has(id) ? [] : [id]);
    choose(chosen.has(id) ? [...chosen].filter((other) => other !== id) : [...chosen, id]);
  }

  // Dragging: all that are chosen where the one under the hand is among them.

  function lift() {
    held.lifted = true;
    const { id } = held;
    held.ids = chosen.has(id) ? picked().map((pin) => pin.id) : [id];
    for (const each of held.ids) items.get(each).classList.add("klein-lifted");
    list.dataset.dragging = "yes";
  }

  function drag({ clientX, clientY }) {
    const under = document.elementFromPoint(clientX, clientY);
    on.over(under);
    const over = under?.closest(".klein-kept");
    if (!over || !list.contains(over) || held.ids.includes(over.dataset.id)) return;
    const { left, width } = over.getBoundingClientRect();
    const before = clientX < left + width / 2 ? over : over.nextElementSibling;
    for (const each of held.ids) list.insertBefore(items.get(each), before);
  }

  function settle(event, isDrop) {
    const { ids } = held;
    for (const each of ids) items.get(each)?.classList.remove("klein-lifted");
    delete list.dataset.dragging;
    const under = document.elementFromPoint(event.clientX, event.clientY);
    on.over(null);
    if (isDrop && under && !list.contains(under) && on.dropped(ids, under)) return show(pins);
    const order = [...list.children].map(({ dataset }) => dataset.id);
    const isMoved = isDrop && order.some((id, index) => id !== pins[index]?.id);
    if (!isMoved) return show(pins);
    const last = list.children[order.lastIndexOf(ids.at(-1)) + 1];
    pins = order.map((id) => pins.find((pin) => pin.id === id));
    on.moved(ids, last?.dataset.id ?? null);
  }

  list.addEventListener("pointerdown", (event) => {
    const made = event.target.closest(".klein-kept");
    if (!made || event.button !== 0) return;
    held = { id: made.dataset.id, x: event.clientX, y: event.clientY, lifted: false, ids: [] };
    if (event.pointerType !== "mouse") {
      held.timer = setTimeout(() => {
        lift();
        navigator.vibrate?.(10);
      }, LONG_PRESS_MS);
    } else {
      list.setPointerCapture(event.pointerId);
    }
  });
  list.addEventListener("pointermove", (event) => {
    if (!held) return;
    const far = Math.hypot(event.clientX - held.x, event.clientY - held.y) > STILL_PX;
    if (!held.lifted && far) {
      clearTimeout(held.timer);
      if (event.pointerType === "mouse") lift();
      else held = null;
    }
    if (held?.lifted) drag(event);
  });
  list.addEventListener("pointerup", (event) => {
    if (!held) return;
    clearTimeout(held.timer);
    if (held.lifted) settle(event, true);
    else press(held.id, event);
    held = null;
  });
  list.addEventListener("pointercancel", (event) => {
    clearTimeout(held?.timer);
    if (held?.lifted) settle(event, false);
    held = null;
  });
  // A page that scrolls would end the drag of a finger.
  list.addEventListener("touchmove", (event) => held?.lifted && event.preventDefault(), { passive: false });
  list.addEventListener("contextmenu", (event) => held && event.preventDefault());
  // The first of the two presses marked it.
  list.addEventListener("dblclick", () => act.Enter());

  function step(by) {
    const all = shown();
    const at = all.findIndex(({ id }) => id === current()?.dataset.id);
    const to = all[Math.max(0, Math.min(at < 0 ? 0 : at + by, all.length - 1))];
    return to?.id;
  }

  function shift(by) {
    const id = current()?.dataset.id;
    const at = pins.findIndex((pin) => pin.id === id);
    const to = at + by;
    if (at < 0 || to < 0 || to >= pins.length) return;
    const others = pins.filter((pin) => pin.id !== id);
    const moved = [...others.slice(0, to), pins[at], ...others.slice(to)];
    show(moved);
    mark(id);
    on.moved([id], moved[to + 1]?.id ?? null);
  }

  const WAYS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
  const act = {
    Enter: () => current() && on.open(pins.find(({ id }) => id === current().dataset.id)),
    " ": () => current() && press(current().dataset.id, { ctrlKey: true }),
    Escape: () => choose([]),
    Delete: () => picked().length && on.delete(picked()),
    Backspace: () => picked().length && on.delete(picked()),
    s: () => picked().length && on.star(picked()),
  };
  list.addEventListener("keydown", (event) => {
    const command = event.ctrlKey || event.metaKey;
    const way = WAYS[event.key];
    if (way && event.altKey) shift(way);
    else if (way && !command) {
      const id = step(way);
      if (!id) return;
      mark(id);
      if (event.shiftKey) range(id);
      else {
        anchor = id;
        choose([id]);
      }
    } else if (command && event.key === "a") choose(shown().map(({ id }) => id));
    else if (act[event.key] && !command && !event.altKey) act[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  return {
    show,
    choose,
    picked,
    pins: () => pins,
    /** Only what `keeps(pin)` is in sight. */
    filter(keeps) {
      for (const pin of pins) items.get(pin.id).hidden = !keeps(pin);
      on.chosen(picked());
    },
    all: () => choose(shown().map(({ id }) => id)),
  };
}
