// The names of the boards: choose one, give another name to the one in front, make a new one.

/** `choose(id)`, `rename(id, title)`, `create()`. */
function createBoardNames(nav, { choose, rename, create }) {
  const row = nav.querySelector(".klein-board-names");
  let drawn = "";
  let inFront = "";

  nav.querySelector(".klein-board-new").addEventListener("click", create);
  fadeEdges(row);
  row.addEventListener("wheel", (event) => {
    const isSideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (isSideways || event.ctrlKey || row.scrollWidth <= row.clientWidth) return;
    event.preventDefault();
    row.scrollLeft += event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * 16 : event.deltaY;
  }, { passive: false });

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

  const none = () => Object.assign(document.createElement("span"), { className: "klein-board-title", textContent: "Moodboard" });

  return {
    show(boards, current) {
      const state = JSON.stringify([boards, current?.id]);
      const typed = document.activeElement;
      // A name being typed is not written over.
      const isTyped = typed.matches(".klein-board-title") && typed.dataset.board === current?.id;
      if (state === drawn || isTyped) return;
      drawn = state;
      const left = row.scrollLeft;
      const parts = boards.map((board) => (board.id === current?.id ? field(board) : name(board)));
      row.replaceChildren(...(parts.length ? parts : [none()]));
      row.scrollLeft = left;
      if (current?.id !== inFront) row.querySelector("[data-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
      inFront = current?.id;
    },
    edit() {
      const input = row.querySelector("input");
      input?.focus();
      input?.select();
    },
  };
}

/** Tells the style sheet on which sides of a row that scrolls sideways there is more. */
function fadeEdges(row) {
  function tell() {
    const left = row.scrollWidth - row.clientWidth - row.scrollLeft;
    row.toggleAttribute("data-before", row.scrollLeft > 1);
    row.toggleAttribute("data-after", left > 1);
  }
  row.addEventListener("scroll", tell, { passive: true });
  new ResizeObserver(tell).observe(row);
  new MutationObserver(tell).observe(row, { childList: true, subtree: true, attributes: true, attributeFilter: ["hidden"] });
}
