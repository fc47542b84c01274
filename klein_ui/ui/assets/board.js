// The Moodboard tab: what its boards, wall and inspector do together.

const DELETED_MS = 12_000;

/**
 * `on.compare(a, b)` and `on.blend(a, b)`, which may give a sentence, `on.export(board, pins, as)`,
 * `on.toEdit(pins)` and `on.toLive(pin)`.
 */
function createBoard(root, store, on) {
  const find = (part) => root.querySelector(`.klein-${part}`);
  const title = find("board-title");
  const search = find("board-find");
  const bin = find("board-export");
  const large = find("large");
  let boards = [];
  let front = "";
  let undo = null;
  let hiding = 0;
  let asked = 0;

  const tabs = createBoards(find("boards"), { choose: open, create });
  const wall = createWall(find("wall"), store.thumbnail, {
    chosen,
    moved: (ids, before) => attempt(() => store.place(ids, front, before)),
    over: (element) => tabs.aim(tabs.under(element)),
    dropped,
    open: look,
    star,
    delete: remove,
  });
  const inspector = createInspector(find("inspector"), store, { edit, open: look, say });

  /** A change that fails is said, and what is true is shown again. */
  async function attempt(change) {
    try {
      return await change();
    } catch (error) {
      say(error.message);
      await refresh();
      return null;
    }
  }

  function say(sentence, back = null) {
    undo = back;
    const notice = find("board-notice");
    notice.hidden = !sentence;
    notice.querySelector("span").textContent = sentence;
    notice.querySelector("button").hidden = !back;
    clearTimeout(hiding);
    if (sentence) hiding = setTimeout(() => say(""), DELETED_MS);
  }

  async function refresh() {
    const mine = (asked += 1);
    try {
      const all = await store.boards();
      const chosen = all.find(({ id }) => id === (front || store.chosen())) ?? all[0];
      const pins = chosen ? await store.pins(chosen.id) : [];
      if (mine !== asked) return;
      boards = all;
      front = chosen?.id ?? "";
      show(pins);
    } catch (error) {
      say(error.message);
    }
  }

  function show(pins) {
    tabs.show(boards, front);
    const board = boards.find(({ id }) => id === front);
    if (document.activeElement !== title) title.value = board?.title ?? "";
    title.disabled = !board;
    root.querySelector("[data-do='drop']").disabled = !board;
    wall.show(pins);
    sift();
    find("wall-empty").hidden = pins.length > 0;
    bin.hidden = !on.export || pins.length === 0;
  }

  function open(id) {
    front = id;
    store.choose(id);
    search.value = "";
    wall.choose([]);
    return refresh();
  }

  async function create() {
    const made = await attempt(() => store.create(`Board ${boards.length + 1}`));
    if (!made) return;
    await open(made.id);
    title.focus();
    title.select();
  }

  async function drop() {
    const board = boards.find(({ id }) => id === front);
    if (!board || !(await attempt(() => store.drop(board.id)))) return;
    front = "";
    await refresh();
    say(`“${board.title}” is deleted.`, async () => {
      await store.restoreBoard(board.id);
      await open(board.id);
    });
  }

  function chosen(pins) {
    root.dataset.chosen = pins.length ? "yes" : "no";
    find("board-calm").hidden = pins.length > 0;
    find("board-chosen").hidden = pins.length === 0;
    find("board-count").textContent = pins.length === 1 ? "1 pin" : `${pins.length} pins`;
    for (const [name, count] of [["live", 1], ["compare", 2], ["blend", 2]]) {
      root.querySelector(`[data-do='${name}']`).hidden = pins.length !== count;
    }
    inspector.show(pins.length === 1 ? pins[0] : null);
  }

  function sift() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = ({ title: name, prompt, note, tags, role, star: isStar }) =>
      [name, prompt, note, role, ...tags, isStar ? "starred" : ""].join(" ").toLowerCase();
    wall.filter((pin) => words.every((word) => text(pin).includes(word)));
  }

  function put(pin) {
    wall.show(wall.pins().map((other) => (other.id === pin.id ? pin : other)));
  }

  async function edit(id, fields) {
    const pin = await attempt(() => store.edit(id, fields));
    if (pin) put(pin);
  }

  async function star(pins) {
    const isStar = !pins.every(({ star: has }) => has);
    for (const { id } of pins) await edit(id, { star: isStar });
  }

  async function remove(pins) {
    const ids = pins.map(({ id }) => id);
    wall.show(wall.pins().filter(({ id }) => !ids.includes(id)));
    if (!(await attempt(() => store.delete(ids)))) return;
    await refresh();
    say(ids.length === 1 ? "The pin is deleted." : `${ids.length} pins are deleted.`, async () => {
      await store.restore(ids);
      await refresh();
    });
  }

  function dropped(ids, element) {
    const to = tabs.under(element);
    if (!to) return false;
    const name = boards.find(({ id }) => id === to).title;
    attempt(async () => {
      await store.place(ids, to, null);
      await refresh();
      say(`Moved to “${name}”.`, async () => {
        await store.place(ids, front, null);
        await refresh();
      });
    });
    return true;
  }

  async function takeBack() {
    const back = undo;
    say("");
    if (back) await attempt(back);
  }

  function look(pin) {
    large.querySelector("img").src = store.picture(pin.id);
    large.querySelector("img").alt = pin.prompt;
    large.querySelector("p").textContent = pin.title || pin.prompt;
    large.dataset.id = pin.id;
    if (!large.open) large.showModal();
  }

  large.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const all = wall.pins();
    const to = all[all.findIndex(({ id }) => id === large.dataset.id) + by];
    if (by && to) look(to);
  });
  onDialog(large, {});

  const does = {
    all: wall.all,
    none: () => wall.choose([]),
    undo: takeBack,
    drop,
    edit: () => on.toEdit(wall.picked()),
    live: () => on.toLive(wall.picked()[0]),
    star: () => star(wall.picked()),
    delete: () => remove(wall.picked()),
    compare: () => say(on.compare(...wall.picked()) || ""),
    blend: () => say(on.blend(...wall.picked()) || ""),
  };
  root.addEventListener("click", ({ target }) => does[target.closest("[data-do]")?.dataset.do]?.());
  title.addEventListener("change", async () => {
    if (await attempt(() => store.rename(front, title.value))) await refresh();
  });
  title.addEventListener("keydown", (event) => event.key === "Enter" && title.blur());
  search.addEventListener("input", sift);
  bin.addEventListener("change", () => {
    const as = bin.value;
    bin.value = "";
    on.export(front, wall.picked().map(({ id }) => id), as);
  });
  root.addEventListener("keydown", (event) => {
    if (event.key !== "z" || !(event.ctrlKey || event.metaKey) || isField(event.target)) return;
    event.preventDefault();
    takeBack();
  });

  refresh();
  return { refresh, open, say, picked: wall.picked };
}
