// The names of the boards: choose one, give another name to the one in front, make a new one.

/** `choose(id)`, `rename(id, title)`, `create()`. */
function createBoardNames(nav, { choose, rename, create }) {
  let drawn = "";

  function field(board) {
    const input = document.createElement("input");
    input.className = "klein-board-title";
    Object.assign(input, { value: board.title, maxLength: 200, title: "Type another name" });
    input.setAttribute("aria-label", "Name of this board");
    input.dataset.board = board.id;
    input.dataset.current = "yes";
    input.addEventListener("blur", () => {
      const title = input.value.trim();
      if (title && title !== board.title) rename(board.id, title);
      else input.value = board.title;
    });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") input.value = board.title;
      if (event.key === "Enter" || event.key === "Escape") input.blur();
    });
    return input;
  }

  function name(board) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "klein-board-name";
    button.dataset.board = board.id;
    button.append(board.title, Object.assign(document.createElement("span"), { textContent: board.pins }));
    button.setAttribute("aria-label", `${board.title}, ${board.pins} pins`);
    button.addEventListener("click", () => choose(board.id));
    return button;
  }

  function more() {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "klein-board-new", textContent: "+", title: "New board" });
    button.setAttribute("aria-label", "New board");
    button.addEventListener("click", create);
    return button;
  }

  return {
    show(boards, current) {
      const state = JSON.stringify([boards, current?.id]);
      const typed = document.activeElement;
      // A name being typed is not written over.
      const isTyped = typed.matches(".klein-board-title") && typed.dataset.board === current?.id;
      if (state === drawn || isTyped) return;
      drawn = state;
      nav.replaceChildren(...boards.map((board) => (board.id === current?.id ? field(board) : name(board))), more());
    },
    edit() {
      const input = nav.querySelector(".klein-board-title");
      input?.focus();
      input?.select();
    },
  };
}
