// Boards and pins on the server: every question and every change.

const CHOSEN_BOARD = "klein-board";
const NO_REPLY = "The app gave no answer; check the connection and try again.";

/** Each call rejects with the server's sentence. `where` has the addresses. */
function createBoardStore(where) {
  async function call(method, address, fields) {
    const body = fields && JSON.stringify(fields);
    const reply = await fetch(address, { method, body, credentials: "same-origin" }).catch(() => null);
    const answer = await reply?.json().catch(() => null);
    if (!reply?.ok || !answer) throw new Error(answer?.sentence ?? NO_REPLY);
    return answer;
  }

  const board = (id) => `${where.boards}/${id}`;
  const pin = (id) => `${where.pins}/${id}`;

  return {
    boards: async () => (await call("GET", where.boards)).boards,
    create: (title) => call("POST", where.boards, { title }),
    rename: (id, title) => call("PATCH", board(id), { title }),
    drop: (id) => call("DELETE", board(id)),
    restoreBoard: (id) => call("POST", `${board(id)}/restore`),
    pins: async (id) => (await call("GET", `${board(id)}/pins`)).pins,
    edit: (id, fields) => call("PATCH", pin(id), fields),
    place: (pins, to, before) => call("POST", `${where.pins}/place`, { pins, board: to, before }),
    delete: (pins) => call("POST", `${where.pins}/delete`, { pins }),
    restore: (pins) => call("POST", `${where.pins}/restore`, { pins }),
    palette: async (id) => (await call("GET", `${pin(id)}/palette`)).colours,
    reference: (id) => call("POST", `${pin(id)}/reference`),
    thumbnail: (id) => `${pin(id)}/thumbnail.webp`,
    picture: (id) => `${pin(id)}/picture.jpg`,
    /** Keep a frame on the board that was last in front, or the first where that is gone; the board. */
    async keep(frame) {
      const all = (await call("GET", where.boards)).boards;
      const to = all.find(({ id }) => id === this.chosen())?.id ?? "";
      const { board: at } = await call("POST", where.pins, { frame, board: to });
      return all.find(({ id }) => id === at) ?? (await call("GET", where.boards)).boards.find(({ id }) => id === at);
    },
    /** The board that pins go to; empty for the first one. */
    chosen() {
      try {
        return localStorage.getItem(CHOSEN_BOARD) ?? "";
      } catch {
        return "";
      }
    },
    choose(id) {
      try {
        localStorage.setItem(CHOSEN_BOARD, id);
      } catch {
        // A page that may keep nothing begins with the first board.
      }
    },
  };
}
