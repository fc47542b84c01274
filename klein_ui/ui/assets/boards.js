// The row of boards: one of them is in front, and pins can be dropped on the others.

/** `on.choose(id)`, `on.create()`. */
function createBoards(row, on) {
  let boards = [];
  let front = "";

  function tab(board) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "klein-board-tab";
    made.dataset.board = board.id;
    made.setAttribute("role", "tab");
    made.setAttribute("aria-selected", String(board.id === front));
    made.tabIndex = board.id === front ? 0 : -1;
    const count = document.createElement("small");
    count.textContent = board.pins;
    made.append(board.title, count);
    made.addEventListener("click", () => on.choose(board.id));
    return made;
  }

  function plus() {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "klein-board-new";
    made.textContent = "New board";
    made.addEventListener("click", on.create);
    return made;
  }

  row.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const at = boards.findIndex(({ id }) => id === front);
    const to = boards[at + by];
    if (!by || !to || !event.target.matches(".klein-board-tab")) return;
    event.preventDefault();
    on.choose(to.id);
    row.querySelector("[aria-selected='true']").focus();
  });

  return {
    show(all, chosen) {
      [boards, front] = [all, chosen];
      row.replaceChildren(...all.map(tab), plus());
    },
    /** The board whose tab `element` belongs to, where that is not the one in front. */
    under(element) {
      const id = element?.closest(".klein-board-tab")?.dataset.board;
      return id && id !== front ? id : null;
    },
    /** Show that pins would land on `id`; null for none. */
    aim(id) {
      for (const made of row.children) made.dataset.aimed = made.dataset.board === id && id ? "yes" : "no";
    },
  };
}
