// Which pins are picked: by clicks, taps and keys.

/** `wall` has the order; `onChange(ids)` after each change, the ids in the order of the wall. */
function createPicking(list, wall, onChange) {
  let picked = new Set();
  let anchor = null;
  let active = null;

  const inOrder = () => wall.visible().filter((id) => picked.has(id));

  function put(ids) {
    picked = new Set(ids);
    mark();
    onChange(inOrder());
  }

  function mark() {
    const visible = wall.visible();
    if (!visible.includes(active)) active = visible[0] ?? null;
    for (const item of list.children) {
      item.setAttribute("aria-selected", String(picked.has(item.dataset.pin)));
      item.tabIndex = item.dataset.pin === active ? 0 : -1;
    }
  }

  function go(id) {
    active = id;
    const item = wall.card(id);
    mark();
    item?.focus({ preventScroll: true });
    item?.scrollIntoView({ block: "nearest" });
  }

  function only(id) {
    anchor = active = id;
    put([id]);
  }

  function toggle(id) {
    anchor = active = id;
    const next = new Set(picked);
    if (!next.delete(id)) next.add(id);
    put(next);
  }

  function range(id) {
    const visible = wall.visible();
    const [from, to] = [visible.indexOf(anchor ?? id), visible.indexOf(id)].sort((a, b) => a - b);
    active = id;
    put(visible.slice(Math.max(from, 0), to + 1));
  }

  list.addEventListener("click", (event) => {
    const id = event.target.closest(".klein-hung")?.dataset.pin;
    if (!id) return put([]);
    if (event.shiftKey) range(id);
    else if (event.ctrlKey || event.metaKey || event.pointerType === "touch") toggle(id);
    else only(id);
    go(id);
  });

  /** An arrow key: to the next pin in that way, picked too unless Ctrl or ⌘ is held. */
  function step(event) {
    const visible = wall.visible();
    const ways = { ArrowLeft: -1, ArrowRight: 1 };
    const ends = { Home: visible[0], End: visible.at(-1) };
    const rows = { ArrowUp: -1, ArrowDown: 1 };
    const by = ways[event.key];
    const to = by ? visible[visible.indexOf(active) + by] : (ends[event.key] ?? (rows[event.key] && wall.beside(active, rows[event.key])));
    if (!to) return;
    if (event.shiftKey) range(to);
    else if (!event.ctrlKey && !event.metaKey) only(to);
    go(to);
  }

  return {
    ids: inOrder,
    has: (id) => picked.has(id),
    active: () => active,
    only,
    toggle,
    step,
    go,
    all: () => put(wall.visible()),
    none: () => put([]),
    /** The wall shows others now: what is gone is picked no longer. */
    refresh() {
      const before = picked.size;
      picked = new Set(inOrder());
      mark();
      if (before || picked.size) onChange(inOrder());
    },
  };
}
