// Drag to arrange: with a mouse at once, with a finger after a long press. Nothing moves until the drop.

const DRAG_FROM_PX = 6;
const LONG_PRESS_MS = 400;
const SCROLL_EDGE_PX = 72;
const NAMES_EDGE_PX = 44;

/**
 * `names` is a row, maybe longer than the page, of elements with `data-board` to drop on. `picking` are the picked pins; `move(ids, before)` and
 * `moveTo(ids, board)` are the drops, `before` empty for the end.
 */
function createArranging(list, names, wall, picking, { move, moveTo }) {
  let press = null;
  let drag = null;

  list.addEventListener("pointerdown", (event) => {
    const item = event.target.closest(".klein-hung");
    if (!item || event.button !== 0 || !event.isPrimary || drag) return;
    press = { id: item.dataset.pin, x: event.clientX, y: event.clientY, touch: event.pointerType === "touch" };
    if (press.touch) press.timer = setTimeout(() => begin(press), LONG_PRESS_MS);
  });
  document.addEventListener("pointermove", (event) => {
    if (drag) return follow(event.clientX, event.clientY);
    if (!press || Math.hypot(event.clientX - press.x, event.clientY - press.y) < DRAG_FROM_PX) return;
    if (press.touch) return letGo();
    begin(press);
    follow(event.clientX, event.clientY);
  });
  document.addEventListener("pointerup", () => {
    if (drag) drop();
    letGo();
  });
  document.addEventListener("pointercancel", () => {
    end();
    letGo();
  });
  document.addEventListener("keydown", (event) => {
    if (!drag || event.key !== "Escape") return;
    event.stopPropagation();
    end();
  }, true);
  // The page must not scroll along under a finger that drags.
  list.addEventListener("touchmove", (event) => drag && event.preventDefault(), { passive: false });
  list.addEventListener("contextmenu", (event) => (drag || press?.touch) && event.preventDefault());

  function letGo() {
    clearTimeout(press?.timer);
    press = null;
  }

  function begin({ id, x, y }) {
    if (!picking.has(id)) picking.only(id);
    const ids = picking.ids();
    drag = { ids, x, y, before: null, board: null, ghost: ghostOf(wall.card(id), ids.length), spot: document.createElement("div") };
    drag.spot.className = "klein-spot";
    list.append(drag.spot);
    document.body.append(drag.ghost);
    document.documentElement.classList.add("klein-arranging");
    for (const one of ids) wall.card(one).classList.add("klein-lifted");
    drag.cards = wall.visible().filter((one) => !ids.includes(one)).map((one) => wall.card(one));
    // The click that ends a drag picks nothing.
    document.addEventListener("click", swallow, true);
    follow(x, y);
    drag.scrolling = requestAnimationFrame(scroll);
  }

  function swallow(event) {
    event.stopPropagation();
    event.preventDefault();
  }

  function follow(x, y) {
    Object.assign(drag, { x, y });
    drag.ghost.style.translate = `${x + 10}px ${y + 10}px`;
    const over = document.elementFromPoint(x, y)?.closest("[data-board]") ?? null;
    const board = over && names.contains(over) && over.dataset.current !== "yes" ? over : null;
    if (drag.board !== board) {
      drag.board?.removeAttribute("data-over");
      board?.setAttribute("data-over", "yes");
      drag.board = board;
    }
    drag.spot.hidden = board !== null;
    const gap = gapAt(drag.cards, list, x, y);
    drag.before = gap.before;
    Object.assign(drag.spot.style, { left: `${gap.left}px`, top: `${gap.top}px`, height: `${gap.height}px` });
  }

  function scroll() {
    if (!drag) return;
    const along = alongNames();
    if (along) {
      names.scrollLeft += along / 2;
      follow(drag.x, drag.y);
    }
    // Over the names the page stays, so that one can be aimed at.
    const by = isOverNames() ? 0 : drag.y < SCROLL_EDGE_PX ? drag.y - SCROLL_EDGE_PX : Math.max(0, drag.y - (window.innerHeight - SCROLL_EDGE_PX));
    if (by) {
      window.scrollBy(0, by / 4);
      follow(drag.x, drag.y);
    }
    drag.scrolling = requestAnimationFrame(scroll);
  }

  function isOverNames() {
    const { top, bottom } = names.getBoundingClientRect();
    return drag.y >= top && drag.y <= bottom;
  }

  /** How far the pointer stands in an end of the row of names, in pixels; less than 0 at its beginning. */
  function alongNames() {
    if (!isOverNames()) return 0;
    const { left, right } = names.getBoundingClientRect();
    return Math.min(0, drag.x - left - NAMES_EDGE_PX) + Math.max(0, drag.x - right + NAMES_EDGE_PX);
  }

  function drop() {
    const { ids, before, board } = drag;
    end();
    if (board) moveTo(ids, board.dataset.board);
    else if (before !== null) move(ids, before);
  }

  function end() {
    if (!drag) return;
    cancelAnimationFrame(drag.scrolling);
    drag.ghost.remove();
    drag.spot.remove();
    drag.board?.removeAttribute("data-over");
    for (const item of list.children) item.classList.remove("klein-lifted");
    document.documentElement.classList.remove("klein-arranging");
    drag = null;
    setTimeout(() => document.removeEventListener("click", swallow, true));
  }
}

/** Between which cards a point lies: the id of the one after, empty at the end, and where the mark goes. */
function gapAt(cards, list, x, y) {
  if (cards.length === 0) return { before: "", left: 0, top: 0, height: 0 };
  const room = list.getBoundingClientRect();
  const [across, down] = [x - room.left, y - room.top];
  const far = (item) => Math.max(item.offsetTop - down, down - item.offsetTop - item.offsetHeight, 0);
  const top = cards.reduce((best, item) => (far(item) < far(best) ? item : best)).offsetTop;
  const row = cards.filter((item) => item.offsetTop === top);
  const after = row.find((item) => across < item.offsetLeft + item.offsetWidth / 2);
  const last = row.at(-1);
  const next = after ?? cards[cards.indexOf(last) + 1];
  const left = after ? after.offsetLeft - 8 : last.offsetLeft + last.offsetWidth + 5;
  return { before: next?.dataset.pin ?? "", left, top, height: last.firstElementChild.offsetHeight };
}

/** What hangs on the pointer: the picture, and how many there are. */
function ghostOf(item, count) {
  const ghost = document.createElement("div");
  ghost.className = "klein-ghost";
  const image = item.querySelector("img");
  if (image) ghost.append(image.cloneNode());
  if (count > 1) ghost.append(Object.assign(document.createElement("b"), { textContent: count }));
  return ghost;
}
