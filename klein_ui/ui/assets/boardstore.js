// The boards of this browser as the server has them, and every change of them.

const CHOSEN_BOARD = "klein-board";
const BOARDS_FAILED = "The boards cannot be reached; check the connection and try again.";
const PINS_A_PAGE = 1_000;
const RESEND_MS = 4_000;

/**
 * `where.boards` and `where.pins` are the addresses. What changes is shown at once and sent in its
 * order; each method throws one sentence where the server would not have it. `onChange(tell)`.
 */
function createBoardStore(where) {
  const listeners = [];
  let boards = [];
  let chosen = rememberedBoard();
  let pins = [];
  let line = Promise.resolve();
  let latest = null;
  let changes = 0;
  let again = 0;
  const patch = (id, fields) => answered(`${where.pins}/${id}`, "PATCH", fields, true);
  const edits = createPinEdits((id, fields) => change(() => patch(id, fields)));

  const tell = () => listeners.forEach((listen) => listen());
  const board = () => boards.find(({ id }) => id === chosen) ?? null;
  const inLine = (work) => (line = line.then(work, work));
  const post = (path, body) => answered(`${where.pins}/${path}`, "POST", body);

  /** Send `work`; where it fails, show again what the server has. */
  async function change(work) {
    changes += 1;
    try {
      return await inLine(work);
    } catch (error) {
      await refresh().catch(() => {});
      throw error;
    }
  }

  const refresh = () => (latest = load());

  /** What was changed meanwhile is not taken back by what the server said before it heard of that. */
  async function load() {
    await line.catch(() => {});
    const mine = latest;
    const seen = changes;
    const answer = await answered(where.boards);
    const there = answer.boards.some(({ id }) => id === chosen);
    const wanted = there ? chosen : (answer.boards[0]?.id ?? "");
    const found = wanted ? await listed(wanted) : [];
    if (mine !== latest) return latest;
    if (seen !== changes) return refresh();
    boards = answer.boards;
    choose(wanted);
    pins = found.map(edits.over);
    tell();
  }

  async function listed(id) {
    const found = [];
    for (;;) {
      const answer = await answered(`${where.boards}/${id}/pins?start=${found.length}&limit=${PINS_A_PAGE}`);
      found.push(...answer.pins);
      if (answer.pins.length === 0 || found.length >= answer.total) return found;
    }
  }

  function choose(id) {
    chosen = id;
    rememberBoard(id);
  }

  function count(id, by) {
    boards = boards.map((one) => (one.id === id ? { ...one, pins: one.pins + by } : one));
  }

  function put(pin) {
    pins = pins.map((one) => (one.id === pin.id ? edits.over({ ...one, ...pin }) : one));
    tell();
  }

  async function sent(id) {
    try {
      const pin = await edits.flush(id);
      if (pin) put(pin);
    } catch (error) {
      put({ id });
      // Nothing may tell that the way is free again.
      clearTimeout(again);
      if (edits.failed().length) again = setTimeout(() => resend().catch(() => {}), RESEND_MS);
      throw error;
    }
  }

  async function resend() {
    clearTimeout(again);
    for (const id of edits.failed()) await sent(id);
  }

  /** On the board that is chosen; where that is gone meanwhile, on the first. */
  async function pinFrame(frame) {
    changes += 1;
    const pin = await inLine(() => post("", { frame, board: chosen }).catch((error) => {
      if (error.status !== 404 || !chosen) throw error;
      return post("", { frame, board: "" });
    }));
    if (pin.board !== chosen || !board()) {
      choose(pin.board);
      await refresh().catch(() => {});
    } else if (!pins.some(({ id }) => id === pin.id)) {
      pins = [...pins, pin];
      count(pin.board, 1);
      tell();
    }
    return pin;
  }

  function take(ids) {
    const gone = new Set(ids);
    const taken = pins.filter(({ id }) => gone.has(id));
    pins = pins.filter(({ id }) => !gone.has(id));
    count(chosen, -taken.length);
    return taken;
  }

  return {
    boards: () => boards,
    board,
    pins: () => pins,
    onChange: (listen) => listeners.push(listen),
    refresh,
    pinFrame,
    thumbnail: (id) => `${where.pins}/${id}/thumbnail.webp`,
    picture: (id, side) => `${where.pins}/${id}/picture.jpg${side ? `?side=${side}` : ""}`,
    palette: async (id) => (await answered(`${where.pins}/${id}/palette`)).colours,
    reference: (id) => post(`${id}/reference`),
    frame: async (id) => (await post(`${id}/frame`)).frame,
    async choose(id) {
      changes += 1;
      choose(id);
      pins = [];
      tell();
      await refresh();
    },
    async create(title) {
      const made = await change(() => answered(where.boards, "POST", { title }));
      choose(made.id);
      await refresh();
    },
    async rename(id, title) {
      const named = await change(() => answered(`${where.boards}/${id}`, "PATCH", { title }));
      boards = boards.map((one) => (one.id === id ? { ...one, title: named.title } : one));
      tell();
    },
    async removeBoard(id) {
      await change(() => answered(`${where.boards}/${id}`, "DELETE"));
      await refresh();
    },
    async restoreBoard(id) {
      await change(() => answered(`${where.boards}/${id}/restore`, "POST"));
      choose(id);
      await refresh();
    },
    /** What could not be sent is kept and sent again: here with the next words, and by `resend`. */
    async edit(id, fields) {
      edits.write(id, fields);
      put({ id });
      await sent(id);
      await resend();
    },
    resend,
    /** The page is left: what no answer was seen for goes out at once, whatever stands in line. */
    leave() {
      for (const [id, fields] of edits.unanswered()) patch(id, fields).catch(() => {});
    },
    /** Before the pin `before`, or with an empty one at the end. */
    async place(ids, to, before = "") {
      const moved = ids.map((id) => pins.find((pin) => pin.id === id)).filter(Boolean);
      if (to === chosen) {
        const staying = pins.filter((pin) => !moved.includes(pin));
        const at = before ? staying.findIndex(({ id }) => id === before) : staying.length;
        pins = [...staying.slice(0, at), ...moved, ...staying.slice(at)];
      } else {
        take(ids);
        count(to, moved.length);
      }
      tell();
      await change(() => post("place", { pins: ids, board: to, before }));
    },
    async remove(ids) {
      take(ids);
      tell();
      await change(() => post("delete", { pins: ids }));
    },
    async restore(ids) {
      await change(() => post("restore", { pins: ids }));
      await refresh();
    },
  };
}

/** The JSON of an answer. Throws an error with the server's sentence and its `status`. */
async function answered(address, method = "GET", body = null, outlives = false) {
  const how = { method, credentials: "same-origin", keepalive: outlives };
  if (body) Object.assign(how, { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
  const reply = await fetch(address.replace(/\/$/, ""), how).catch(() => null);
  const answer = await reply?.json().catch(() => null);
  if (reply?.ok && answer) return answer;
  throw Object.assign(new Error(answer?.sentence ?? BOARDS_FAILED), { status: reply?.status ?? 0 });
}

function rememberedBoard() {
  try {
    return localStorage.getItem(CHOSEN_BOARD) ?? "";
  } catch {
    return "";
  }
}

function rememberBoard(id) {
  try {
    localStorage.setItem(CHOSEN_BOARD, id);
  } catch {
    // A page that may keep nothing begins with the first board.
  }
}
