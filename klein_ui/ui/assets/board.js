// The Moodboard tab: the boards, the wall, what is picked, and what can be done with it.

const NOTICE_MS = 8_000;
const MOST_UNDOS = 32;

/**
 * `store` has the boards. `on` has what other parts do: `toEdit(...pins)`, `toLive(pin)`, `goLive()`, and where
 * they exist `compare(pinA, pinB)`, `blend(pinA, pinB)`, `export(boardId, pins, as)`, with no pins for the whole
 * board. A button whose function is missing is hidden.
 */
function createBoard(root, store, on) {
  const find = (selector) => root.querySelector(selector);
  const list = find(".klein-wall");
  const bar = find(".klein-board-bar");
  const notice = createBoardNotice(find(".klein-board-notice"), undo);
  const wall = createWall(list, store.thumbnail);
  const picking = createPicking(list, wall, picked);
  const large = createLargeView(find(".klein-large"), {
    order: wall.visible,
    pin: wall.pin,
    picture: (id) => store.picture(id),
    onClose(id) {
      picking.only(id);
      picking.go(id);
    },
  });
  const inspector = createInspector(find(".klein-inspector"), store, {
    save: (id, fields) => tried(store.edit(id, fields)),
    open: large.open,
    say: notice.say,
  });
  const names = createBoardNames(find(".klein-boards"), {
    choose: (id) => tried(store.choose(id)),
    rename: (id, title) => tried(store.rename(id, title)),
    create: () => tried(store.create("New board").then(() => names.edit())),
  });
  const sheet = createDetailsSheet(root, find(".klein-inspector"), find(".klein-board-bar [data-do='details']"), list);
  const undos = [];
  let isLoaded = false;

  createArranging(list, find(".klein-board-names"), wall, picking, { move: place, moveTo });

  /** What fails is said; the store shows again what there is. */
  async function tried(work) {
    try {
      await work;
      return true;
    } catch (error) {
      notice.say(error.message);
      return false;
    }
  }

  const pins = () => picking.ids().map(wall.pin);

  function show() {
    const board = store.board();
    names.show(store.boards(), board);
    wall.show(store.pins());
    picking.refresh();
    count();
    const isEmpty = isLoaded && store.pins().length === 0 && !board?.pins;
    find(".klein-board-empty").hidden = !isEmpty;
    root.dataset.board = isEmpty ? "empty" : "some";
    find("[data-do='delete-board']").hidden = !board;
    find(".klein-board-export").hidden = !board || !on.export;
  }

  function count() {
    const [all, visible, chosen] = [store.pins().length, wall.visible().length, picking.ids().length];
    const some = visible === all ? `${all} ${all === 1 ? "pin" : "pins"}` : `${visible} of ${all}`;
    find(".klein-board-count").textContent = chosen > 1 ? `${chosen} picked` : all ? some : "";
    find("[data-do='all']").hidden = visible === 0;
    find(".klein-board-none").hidden = !(all && visible === 0);
  }

  function picked(ids) {
    const is = { edit: ids.length > 0, live: ids.length === 1, compare: ids.length === 2, blend: ids.length === 2 };
    const has = { compare: on.compare, blend: on.blend };
    for (const part of bar.querySelectorAll(".klein-board-actions [data-do]")) {
      const name = part.dataset.do;
      const isThere = name in has ? Boolean(has[name]) : true;
      part.hidden = !isThere || !(is[name] ?? ids.length > 0);
    }
    root.dataset.picked = ids.length === 0 ? "none" : ids.length === 1 ? "one" : "many";
    inspector.show(pins());
    count();
  }

  /** `before` is a pin that the search leaves; at its end the place is after the last one seen. */
  async function place(ids, before) {
    if (!store.board()) return;
    const order = store.pins().map(({ id }) => id).filter((id) => !ids.includes(id));
    const last = wall.visible().filter((id) => !ids.includes(id)).at(-1);
    const next = before || (wall.isSearched() ? (order[order.indexOf(last) + 1] ?? "") : "");
    const back = orderNow(ids);
    notice.hush();
    await undoable(store.place(ids, store.board().id, next), back);
  }

  /** Puts the pins of this board, and those that left it, back to where they are now. */
  function orderNow(ids) {
    const { id: home } = store.board();
    const order = store.pins().map(({ id }) => id);
    return async () => {
      if (store.board()?.id !== home) await store.choose(home);
      const there = new Set([...store.pins().map(({ id }) => id), ...ids]);
      await store.place(order.filter((id) => there.has(id)), home);
      await store.refresh();
    };
  }

  async function moveTo(ids, to) {
    if (!store.board()) return;
    const back = orderNow(ids);
    const title = store.boards().find(({ id }) => id === to)?.title;
    if (!(await undoable(store.place(ids, to), back))) return;
    notice.offer(`${counted(ids.length)} moved to “${title}”.`);
  }

  const counted = (many) => (many === 1 ? "1 pin" : `${many} pins`);

  /** `back` is there to be called before the server has answered: what it sends comes after. */
  async function undoable(work, back) {
    undos.push(back);
    if (undos.length > MOST_UNDOS) undos.shift();
    if (await tried(work)) return true;
    if (undos.includes(back)) undos.splice(undos.indexOf(back), 1);
    return false;
  }

  async function remove() {
    const ids = picking.ids();
    if (ids.length === 0) return;
    const visible = wall.visible();
    const next = visible.slice(visible.indexOf(ids.at(-1))).concat(visible.slice(0, visible.indexOf(ids[0])).reverse())
      .find((id) => !ids.includes(id));
    const work = store.remove(ids);
    if (next) picking.go(next);
    if (!(await undoable(work, () => store.restore(ids)))) return;
    notice.offer(`${counted(ids.length)} deleted.`);
  }

  async function removeBoard() {
    if (!store.board()) return;
    const { id, title } = store.board();
    if (!(await undoable(store.removeBoard(id), () => store.restoreBoard(id)))) return;
    notice.offer(`“${title}” deleted with its pins.`);
  }

  async function undo() {
    const back = undos.pop();
    if (!back) return;
    notice.hush();
    if (await tried(back())) notice.say("Undone.");
  }

  function star() {
    const chosen = pins();
    const isOn = !chosen.every((pin) => pin.star);
    for (const pin of chosen) tried(store.edit(pin.id, { star: isOn }));
  }

  /** One place to the left or right, or to the row above or below. */
  function shift(event) {
    const ids = picking.ids();
    const staying = wall.visible().filter((id) => !ids.includes(id));
    if (ids.length === 0 || staying.length === 0) return;
    const visible = wall.visible();
    const [first, last] = [visible.indexOf(ids[0]), visible.indexOf(ids.at(-1))];
    const after = (id) => staying[staying.indexOf(id) + 1] ?? "";
    const above = event.key === "ArrowUp" && wall.beside(ids[0], -1);
    const below = event.key === "ArrowDown" && wall.beside(ids.at(-1), 1);
    const to = {
      ArrowLeft: () => visible.slice(0, first).findLast((id) => staying.includes(id)) ?? null,
      ArrowRight: () => {
        const over = visible.slice(last + 1).find((id) => staying.includes(id));
        return over ? after(over) : null;
      },
      ArrowUp: () => (staying.includes(above) ? above : null),
      ArrowDown: () => (staying.includes(below) ? after(below) : null),
    }[event.key]();
    if (to !== null) place(ids, to);
    picking.go(picking.active());
  }

  const does = {
    edit: () => on.toEdit(...pins()),
    live: () => on.toLive(...pins()),
    compare: () => on.compare(...pins()),
    blend: () => on.blend(...pins()),
    delete: remove,
    none: () => picking.none(),
    all: () => picking.all(),
    details: () => sheet.open(!sheet.isOpen()),
    "delete-board": removeBoard,
    "go-live": () => on.goLive(),
  };
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-do]");
    if (button && !button.closest(".klein-menu")) does[button.dataset.do]();
  });
  const kinds = ["zip", "sheet.png", "sheet.pdf", "png", "webp", "jpeg"];
  const leaves = (as) => () => store.board() && on.export(store.board().id, pins(), as);
  const [exports, menu] = find(".klein-board-export").children;
  createMenu(exports, menu, Object.fromEntries(kinds.map((as) => [as, leaves(as)])));
  fadeEdges(find(".klein-board-acts"));
  find(".klein-board-search").addEventListener("input", ({ target }) => {
    wall.search(target.value);
    picking.refresh();
    count();
  });
  list.addEventListener("dblclick", (event) => {
    const id = event.target.closest(".klein-hung")?.dataset.pin;
    if (id) large.open(id);
  });
  list.addEventListener("keydown", (event) => {
    const command = event.ctrlKey || event.metaKey;
    const isArrow = /^(Arrow|Home$|End$)/.test(event.key);
    const act =
      event.altKey && event.key.startsWith("Arrow") ? () => shift(event)
      : event.altKey ? null
      : isArrow ? () => picking.step(event)
      : event.key === "a" && command ? picking.all
      : command ? null
      : { Enter: () => large.open(picking.active()), " ": () => picking.toggle(picking.active()),
        Delete: remove, Backspace: remove, s: star, S: star }[event.key];
    if (!act || !picking.active()) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  });

  store.onChange(show);
  /** What waits to be sent goes first; the board is loaded all the same. */
  async function refresh() {
    await tried(store.resend());
    await tried(store.refresh().then(() => (isLoaded = true)).then(show));
  }

  picked([]);
  refresh();

  return {
    root,
    refresh,
    /** The picked pins, in the order of the wall. */
    picked: pins,
    pinFrame: store.pinFrame,
    say: notice.say,
    // What the keys of a desk mean here.
    undo,
    unpick: picking.none,
    focus: () => find(".klein-board-search").focus(),
    reroll() {},
    travel() {},
    pin() {},
    async copy() {
      const [pin, other] = pins();
      if (!pin || other) return notice.say("Pick one picture to copy it.");
      on.copy(pin, notice.say);
    },
  };
}

/** A sentence at the foot of the page for a while, with a way back where there is one. */
function createBoardNotice(part, undo) {
  const [line, button] = [part.querySelector("span"), part.querySelector("button")];
  let timer = 0;

  function put(sentence, hasUndo) {
    clearTimeout(timer);
    part.hidden = false;
    line.textContent = sentence;
    button.hidden = !hasUndo;
    timer = setTimeout(hush, NOTICE_MS);
  }

  function hush() {
    part.hidden = true;
    line.textContent = "";
  }

  button.addEventListener("click", undo);
  return { say: (sentence) => put(sentence, false), offer: (sentence) => put(sentence, true), hush };
}
